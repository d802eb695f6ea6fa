"""The command openssl agrees with every certificate and request that evenkeel makes; evenkeel tells the faults of others."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.provisioning.pair import Subject

from .odd import GOOD, ODD, odd_pair
from .openssl import DAY_S, DEVICE, NOW_S, authority, leaf, public_key, run, text, verified

MAKER = Certificates()
SUBJECT = Subject(DEVICE, NOW_S - 300.0, NOW_S + 365 * DAY_S)
PUBLISHED = Path(__file__).with_name("leda-example.pub")
"""The public key of the example certificate of Leda's images (eclipse-leda/meta-leda, example-device.crt)."""


class Lab(NamedTuple):
    """An authority below a root; `chain` is both."""

    folder: Path
    root: Pair
    below: Pair

    @property
    def authority(self) -> Pair:
        return Pair(self.below.certificate + self.root.certificate, self.below.key)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    return Lab(folder, authority(folder, "root"), authority(folder, "below", by="root"))


@pytest.fixture(scope="module")
def self_signed() -> Pair:
    return MAKER.self_signed("ec-p256", SUBJECT)


@pytest.fixture(scope="module")
def rsa() -> Pair:
    return MAKER.self_signed("rsa-2048", SUBJECT)


def own_line(words: str, heading: str) -> str:
    """The line of openssl's text below a heading, which itself stands in it with its mark of being critical."""
    found = re.search(rf"{heading}: ?(critical)? *\n *(.*)", words)
    assert found is not None, words
    return f"{found[1] or ''} {found[2]}".strip()


def test_openssl_agrees_with_one_that_signed_itself(tmp_path: Path, self_signed: Pair) -> None:
    (tmp_path / "own.crt").write_bytes(self_signed.certificate)
    assert verified(tmp_path, self_signed.certificate, "-CAfile", tmp_path / "own.crt") == "OK"
    words = text(self_signed.certificate)
    assert "Version: 3 (0x2)" in words
    assert f"Issuer: CN = {DEVICE}\n" in words
    assert f"Subject: CN = {DEVICE}\n" in words
    assert own_line(words, "Basic Constraints") == "critical CA:FALSE"
    assert own_line(words, "Key Usage") == "critical Digital Signature"
    assert own_line(words, "Extended Key Usage") == "TLS Web Client Authentication"
    assert own_line(words, "Subject Key Identifier") == own_line(words, "Authority Key Identifier")
    assert run("x509", "-noout", "-pubkey", stdin=self_signed.certificate) == public_key(self_signed.key)
    assert self_signed.key.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_rsa_may_also_transport_keys(tmp_path: Path, rsa: Pair) -> None:
    (tmp_path / "own.crt").write_bytes(rsa.certificate)
    assert verified(tmp_path, rsa.certificate, "-CAfile", tmp_path / "own.crt") == "OK"
    words = text(rsa.certificate)
    assert own_line(words, "Key Usage") == "critical Digital Signature, Key Encipherment"
    assert "Public-Key: (2048 bit)" in words
    assert MAKER.inspect(rsa).key_kind == "rsa-2048"


def test_each_certificate_has_a_serial_number_of_its_own(self_signed: Pair, rsa: Pair) -> None:
    one, other = (run("x509", "-noout", "-serial", stdin=each.certificate) for each in (self_signed, rsa))
    assert one != other
    assert len(one) > len("serial=") + 30


def test_openssl_agrees_with_one_of_an_authority_and_its_chain(lab: Lab) -> None:
    made = MAKER.signed("ec-p256", SUBJECT, lab.authority)
    assert (
        verified(
            lab.folder, made.certificate, "-CAfile", lab.folder / "root.crt", "-untrusted", lab.folder / "below.crt"
        )
        == "OK"
    )
    blocks = re.findall(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", made.certificate, re.DOTALL)
    assert blocks[1:] == [lab.below.certificate, lab.root.certificate]
    assert own_line(text(blocks[0]), "Authority Key Identifier") == own_line(
        text(lab.below.certificate), "Subject Key Identifier"
    )
    seen = MAKER.inspect(made)
    assert (seen.fault, seen.issuer, seen.name, len(seen.above)) == ("", "below", DEVICE, 2)


def test_nothing_but_certificates_follows_from_the_file_of_an_authority(lab: Lab) -> None:
    both = Pair(lab.below.key + b"a comment\n" + lab.authority.certificate, lab.below.key)
    made = MAKER.signed("ec-p256", SUBJECT, both)
    assert b"PRIVATE" not in made.certificate
    assert b"comment" not in made.certificate


def test_openssl_agrees_with_a_request_and_what_it_signs_is_taken(lab: Lab, tmp_path: Path) -> None:
    made = MAKER.request("ec-p256", DEVICE)
    (tmp_path / "device.csr").write_bytes(made.certificate)
    words = run("req", "-in", tmp_path / "device.csr", "-noout", "-verify", "-text")
    assert f"Subject: CN = {DEVICE}\n" in words
    assert own_line(words, "Extended Key Usage") == "TLS Web Client Authentication"
    signer = ("-CA", lab.folder / "below.crt", "-CAkey", lab.folder / "below.key", "-copy_extensions", "copy")
    leaf_pem = run("x509", "-req", "-in", tmp_path / "device.csr", *signer, "-days", "30").encode()
    assert MAKER.inspect(Pair(leaf_pem + lab.below.certificate, made.key)).fault == ""
    again = MAKER.request("rsa-4096", DEVICE, made.key)
    assert again.key == made.key
    assert run("req", "-noout", "-pubkey", stdin=again.certificate) == public_key(made.key)


def test_what_is_seen_is_what_openssl_sees(self_signed: Pair) -> None:
    seen = MAKER.inspect(self_signed)
    for algorithm, thumbprint in (("sha1", seen.sha1), ("sha256", seen.sha256)):
        words = run("x509", "-noout", "-fingerprint", f"-{algorithm}", stdin=self_signed.certificate)
        assert words.strip().partition("=")[2].replace(":", "") == thumbprint
    assert (seen.starts_s, seen.ends_s) == (SUBJECT.starts_s, SUBJECT.ends_s)
    assert (seen.name, seen.issuer, seen.key_kind) == (DEVICE, DEVICE, "ec-p256")
    assert (seen.above, seen.fault, seen.remarks) == ((), "", ())


# --- authorities that may not sign, and subjects that cannot be ---------------------------------------------------------


def refusal(subject: Subject, given: Pair) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        MAKER.signed("ec-p256", subject, given)
    return str(caught.value)


def test_an_authority_that_may_not_sign_is_refused(lab: Lab, tmp_path: Path, self_signed: Pair) -> None:
    assert "it lacks basicConstraints CA:TRUE" in refusal(SUBJECT, self_signed)
    assert "lacks keyCertSign" in refusal(SUBJECT, authority(tmp_path, "crl", usage="cRLSign"))
    assert "not that of its certificate" in refusal(SUBJECT, Pair(lab.below.certificate, lab.root.key))
    assert "the authority: certificate 2 of the file did not sign certificate 1" in refusal(
        SUBJECT, Pair(lab.root.certificate + lab.below.certificate, lab.root.key)
    )
    assert refusal(SUBJECT, Pair(b"", b"")) == "the authority: there is no certificate (PEM) in its file"


@pytest.mark.parametrize(("starts", "ends"), [(-40 * 365, 1), (0, 40 * 365)])
def test_an_authority_has_to_be_valid_all_the_time(lab: Lab, starts: float, ends: float) -> None:
    subject = Subject(DEVICE, NOW_S + starts * DAY_S, NOW_S + ends * DAY_S)
    assert "which is not all of the time of the new certificate" in refusal(subject, lab.authority)


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_certificate_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 characters"):
        MAKER.self_signed("ec-p256", Subject(name, 0.0, DAY_S))


def test_a_time_that_no_certificate_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no certificate can have a time"):
        MAKER.self_signed("ec-p256", Subject(DEVICE, 0.0, 1e15))


def test_an_authority_tells_whom_it_has_signed(lab: Lab, tmp_path: Path, self_signed: Pair) -> None:
    made = MAKER.signed("ec-p256", SUBJECT, lab.authority)
    given = (made.certificate, self_signed.certificate, b"")
    seen = MAKER.authority(lab.authority, given)
    assert (seen.name, seen.why, seen.signed) == ("below", "", (MAKER.inspect(made).sha256,))
    assert seen.starts_s < NOW_S < seen.ends_s
    other = authority(tmp_path, "below")
    assert MAKER.authority(other, given).signed == (), "one of the same name"
    again = run("x509", "-in", lab.folder / "root.crt", "-signkey", lab.folder / "root.key", "-days", "4000")
    by_root = MAKER.signed("ec-p256", SUBJECT, lab.root)
    renewed = MAKER.authority(Pair(again.encode(), lab.root.key), (by_root.certificate,))
    assert renewed.signed == (MAKER.inspect(by_root).sha256,), "one that was renewed with the same key"
    assert "it lacks basicConstraints CA:TRUE" in MAKER.authority(self_signed, ()).why


# --- pairs of others ----------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Callable[[Path, Lab], Pair], str]] = {
    "nothing": (lambda folder, lab: Pair(b"", b""), "there is no certificate (PEM) in its file"),
    "no key": (lambda folder, lab: Pair(leaf(folder).certificate, b""), "there is no private key (PEM) in its file"),
    "another key": (
        lambda folder, lab: Pair(leaf(folder).certificate, lab.root.key),
        "the key is not that of the certificate",
    ),
    "a damaged certificate": (
        lambda folder, lab: Pair(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", lab.root.key),
        "the certificate in the file cannot be read; it may be damaged",
    ),
    "der": (
        lambda folder, lab: Pair(der(leaf(folder).certificate), lab.root.key),
        "the certificate is DER, and PEM is needed; convert it with `openssl x509 -inform der`",
    ),
    "a password": (
        lambda folder, lab: locked(leaf(folder)),
        "the key has a password; write it without one, with `openssl pkey`",
    ),
    "few bits": (
        lambda folder, lab: leaf(folder, key=("-newkey", "rsa:1024", "-nodes")),
        "the key has 1024 bits of RSA, and at least 2048 are needed",
    ),
    "a curve that no cloud takes": (
        lambda folder, lab: leaf(folder, key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-nodes")),
        "the key is of the kind ec-secp256k1; clouds take RSA, and the elliptic curves P-256, P-384 and P-521",
    ),
    "a key that no cloud takes": (
        lambda folder, lab: leaf(folder, key=("-newkey", "ed25519", "-nodes")),
        "the key is of the kind ed25519; clouds take RSA, and the elliptic curves P-256, P-384 and P-521",
    ),
    "no name": (
        lambda folder, lab: leaf(folder, subject="/O=Internet Widgits Pty Ltd"),
        "the certificate has no common name, which has to be the device id",
    ),
    "two names": (
        lambda folder, lab: leaf(folder, subject="/CN=one/CN=two"),
        "the certificate has more than one common name, which has to be the device id",
    ),
    "a server's": (
        lambda folder, lab: leaf(folder, "-addext", "extendedKeyUsage=serverAuth"),
        "the certificate is not for clients: its extendedKeyUsage lacks clientAuth",
    ),
    "no signing": (
        lambda folder, lab: leaf(folder, "-addext", "keyUsage=keyAgreement"),
        "the certificate does not let its key sign: its keyUsage lacks digitalSignature",
    ),
    "wrong order": (
        lambda folder, lab: swapped(MAKER.signed("ec-p256", SUBJECT, lab.authority), lab),
        (
            "certificate 2 of the file did not sign certificate 1; the first is that of the device, and each signs the one "
            "before it"
        ),
    ),
    "an authority that may not sign": (
        lambda folder, lab: below(lab, "crl-only", days=30, usage="cRLSign"),
        (
            "certificate 2 of the file may not sign another one: it lacks keyCertSign in its keyUsage; have it made anew with "
            "that, and sign the one before it again"
        ),
    ),
    "authority first": (
        lambda folder, lab: upside_down(MAKER.signed("ec-p256", SUBJECT, lab.below)),
        "the key belongs to certificate 2 of the file; that one has to be the first",
    ),
}


def below(lab: Lab, name: str, days: int, usage: str = "keyCertSign") -> Pair:
    """A pair by an authority below the root, which openssl makes without a look at either."""
    above, made = authority(lab.folder, name, by="root", usage=usage), MAKER.request("ec-p256", DEVICE)
    signer = ("-CA", lab.folder / f"{name}.crt", "-CAkey", lab.folder / f"{name}.key", "-copy_extensions", "copy")
    own = run("x509", "-req", *signer, "-days", f"{days}", stdin=made.certificate)
    return Pair(own.encode() + above.certificate, made.key)


def der(certificate: bytes) -> bytes:
    return base64.b64decode(b"".join(certificate.splitlines()[1:-1]))


def locked(pair: Pair) -> Pair:
    return Pair(pair.certificate, run("pkey", "-aes256", "-passout", "pass:secret", stdin=pair.key).encode())


def swapped(made: Pair, lab: Lab) -> Pair:
    first = made.certificate.removesuffix(lab.authority.certificate)
    return Pair(first + lab.root.certificate + lab.below.certificate, made.key)


def upside_down(made: Pair) -> Pair:
    end = b"-----END CERTIFICATE-----\n"
    first, second = made.certificate.removesuffix(end).split(end)
    return Pair(second + end + first + end, made.key)


def test_an_authority_that_ends_before_the_certificate_is_remarked(lab: Lab) -> None:
    ends = run("x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", lab.folder / "root.crt")[9:19]
    seen = MAKER.inspect(below(lab, "short", days=4000))
    assert (seen.fault, seen.remarks) == ("", (f"the certificate of short above it ends before it, on {ends}",))
    assert MAKER.inspect(below(lab, "short", days=30)).remarks == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_pair_that_cannot_be_used_is_told(name: str, lab: Lab, tmp_path: Path) -> None:
    make, fault = FAULTS[name]
    assert MAKER.inspect(make(tmp_path, lab)).fault == fault


@pytest.mark.parametrize("name", ODD)
def test_a_certificate_that_the_library_cannot_read_is_a_fault_wherever_it_stands(name: str) -> None:
    """The library raises errors of many kinds, and most of them late."""
    pair, good = odd_pair(ODD[name]), odd_pair(GOOD)
    assert MAKER.inspect(good).fault == ""
    for each in (pair, Pair(pair.certificate, b""), Pair(good.certificate + pair.certificate, good.key)):
        assert MAKER.inspect(each).fault
    if name == "an extension twice":
        assert MAKER.inspect(pair).fault == "it has the extension 1.2.3.4 twice, which no certificate may have"
    assert MAKER.authority(pair, (pair.certificate, good.certificate)).why
    assert MAKER.authority(good, (pair.certificate,)).signed == ()


def test_a_key_that_leda_has_published_is_refused_whatever_its_certificate_says(lab: Lab) -> None:
    """In the file it stands below a certificate that names the device, and for which nobody needs to have the key."""
    (lab.folder / "any.ext").write_text("extendedKeyUsage=clientAuth\n")
    signer = ("-CA", lab.folder / "below.crt", "-CAkey", lab.folder / "below.key", "-days", "30")
    request = MAKER.request("ec-p256", DEVICE).certificate
    made = run("x509", "-req", *signer, "-force_pubkey", PUBLISHED, "-extfile", lab.folder / "any.ext", stdin=request)
    source = "eclipse-leda/meta-leda, examples/cloudconnector/device.key"
    fault = f"the private key is a published example, which anybody has ({source})"
    assert MAKER.inspect(Pair(made.encode(), b"")).fault == fault
    seen = MAKER.inspect(Pair(made.encode(), lab.below.key))
    assert (seen.fault, seen.name) == (fault, DEVICE)


def test_the_way_that_sdv_provision_makes_them_is_usable_with_a_remark(tmp_path: Path) -> None:
    """X.509 v1, RSA 2048, expired long ago: the time is judged elsewhere (provisioning.md §2.1)."""
    run("genpkey", "-algorithm", "RSA", "-out", tmp_path / "device.key", "-pkeyopt", "rsa_keygen_bits:2048")
    run("req", "-new", "-key", tmp_path / "device.key", "-subj", f"/CN={DEVICE}", "-out", tmp_path / "device.csr")
    signed = ("-req", "-in", tmp_path / "device.csr", "-signkey", tmp_path / "device.key", "-days", "0")
    pair = Pair(run("x509", *signed).encode(), (tmp_path / "device.key").read_bytes())
    seen = MAKER.inspect(pair)
    assert (seen.fault, seen.remarks) == ("", ("it is of X.509 v1, which has no extensions; a new one is of v3",))
    assert seen.ends_s - seen.starts_s < 1.0


def test_keys_in_the_forms_of_others_are_read(tmp_path: Path) -> None:
    made = leaf(tmp_path)
    old = run("ec", stdin=made.key)
    parameters = run("ecparam", "-name", "prime256v1")
    both = made.certificate + old.encode()
    for key in (old.encode(), f"{parameters}{old}".encode(), both):
        assert MAKER.inspect(Pair(made.certificate, key)).fault == ""
