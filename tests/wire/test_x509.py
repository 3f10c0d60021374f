"""Certificates: what is read of them, and what is made."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pbx_bridge.wire import x509

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_what_is_made_is_for_its_names_and_lasts() -> None:
    certificate, key = x509.make(["192.0.2.10", "2001:db8::10", "pbx"], NOW)
    found = x509.read(certificate, key)
    assert set(found.names) == {"192.0.2.10", "2001:db8::10", "pbx"}
    assert found.self_made
    assert found.since < NOW
    assert found.until == NOW + x509.LASTS
    assert x509.shown(certificate) == found


def test_only_the_first_certificate_of_a_file_is_read() -> None:
    """Among all that a machine trusts are some that are not what they should be."""
    certificate, _ = x509.make(["pbx"], NOW)
    odd = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert x509.shown(certificate + odd).names == ("pbx",)
    with pytest.raises(x509.BadCertificate):
        x509.shown(odd + certificate)


def test_a_phone_that_was_told_to_trust_it_and_looks_at_the_address_is_content(
    tmp_path: Path,
) -> None:
    certificate, key = x509.make(["127.0.0.1"], datetime.now(UTC))
    (tmp_path / "c").write_bytes(certificate)
    (tmp_path / "k").write_bytes(key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "c", tmp_path / "k")
    for name, content in (("127.0.0.1", True), ("127.0.0.2", False)):
        one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
        phone = ssl.create_default_context(cafile=tmp_path / "c")
        here = phone.wrap_bio(one, other, server_hostname=name)
        there = server.wrap_bio(other, one, server_side=True)
        assert shakes_hands(here, there) is content, name


def shakes_hands(here: ssl.SSLObject, there: ssl.SSLObject) -> bool:
    for _ in range(4):
        for one in (here, there):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return True


def test_a_key_of_another_certificate_is_refused() -> None:
    certificate, key = x509.make(["a"], NOW)
    _, other = x509.make(["a"], NOW)
    of_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = of_rsa.private_bytes(*pem, serialization.BestAvailableEncryption(b"x"))
    for bad, why in (
        (other, "does not belong to the certificate"),
        (of_rsa.private_bytes(*pem, serialization.NoEncryption()), "does not belong"),
        (locked, "without a passphrase"),
        (certificate, "no private key"),
        (b"", "no private key"),
    ):
        with pytest.raises(x509.BadCertificate, match=why):
            x509.read(certificate, bad)
    for bad in (b"", key, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(x509.BadCertificate, match="no certificate"):
            x509.read(bad, key)


def test_of_several_the_first_is_the_one_that_phones_are_shown() -> None:
    first, key = x509.make(["a"], NOW)
    second, _ = x509.make(["b"], NOW + timedelta(days=9))
    assert x509.read(first + second, key).names == ("a",)
