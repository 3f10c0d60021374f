"""Certificates of servers, and those who vouch for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Somebody who vouches for certificates."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.certificate = self.vouches_for(name, self._key, can_vouch=True)

    def vouches_for(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, can_vouch: bool = False
    ) -> bytes:
        """A certificate in PEM form."""
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=can_vouch, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName([_general(name)]), False)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    # Its CN is of no help to a certificate that isn't for the name.
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def show(file: Path, authority: Authority | None, name: str) -> Path:
    """A new certificate and its key in one file; nobody but itself vouches for it without one."""
    key = ec.generate_private_key(ec.SECP256R1())
    if authority is None:
        alone = Authority(name)
        key, certificate = alone._key, alone.certificate
    else:
        certificate = authority.vouches_for(name, key)
    own = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(certificate + own)
    return file
