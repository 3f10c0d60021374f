"""Certificates of a TLS door: read, compared with their key, made (RFC 5280, PEM by RFC 7468)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SELF_MADE = "pbx-bridge"
"""Organisation in the certificates made here."""
LASTS = timedelta(days=3650)
"""For so long: phones that were told to trust it have to be told anew of the next one."""
BACKDATED = timedelta(days=1)
"""Before the moment it was made, for phones whose clocks are late."""


class BadCertificate(ValueError):
    """The file holds no certificate, no key, or not the key of the certificate; says which."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a phone is shown of who it has reached."""

    since: datetime
    until: datetime
    """Aware, in UTC; the moments between which it is valid."""
    names: tuple[str, ...]
    """The DNS names and addresses that it is for (subjectAltName)."""
    self_made: bool
    """One of ours, which nobody else vouches for."""


def read(certificate: bytes, key: bytes) -> Certificate:
    """The first certificate of a PEM file, where `key` (PEM) belongs to it. Raises
    `BadCertificate`."""
    found = _certificate(certificate)
    try:
        own = serialization.load_pem_private_key(key, None)
    except TypeError:
        raise BadCertificate("the key is encrypted; write it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificate("no private key in PEM form is in the key's file") from None
    if _public(own.public_key()) != _public(found.public_key()):
        raise BadCertificate("the key does not belong to the certificate")
    return _told(found)


def shown(certificate: bytes) -> Certificate:
    """The first certificate of a PEM file. Raises `BadCertificate`."""
    return _told(_certificate(certificate))


def make(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """A new certificate for these DNS names and addresses, and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SELF_MADE),
            x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64]),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), False)
        # A phone is given the certificate itself to trust, so it has to be its own authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _certificate(text: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text)
    except ValueError:
        raise BadCertificate("no certificate in PEM form is in the file") from None


def _told(found: x509.Certificate) -> Certificate:
    names: tuple[str, ...] = ()
    try:
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = held.get_values_for_type(x509.DNSName)
        addresses = held.get_values_for_type(x509.IPAddress)
        names = (*dns, *map(str, addresses))
    except (x509.ExtensionNotFound, ValueError):
        pass
    owners = found.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ours = found.issuer == found.subject and any(one.value == SELF_MADE for one in owners)
    return Certificate(found.not_valid_before_utc, found.not_valid_after_utc, names, ours)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]  # of every kind of key
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
