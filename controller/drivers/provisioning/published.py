"""Public keys whose private keys are published: anybody can pretend to be a device that has one.

Leda's images and examples came with them. The table has the SHA-256 of each public key (SubjectPublicKeyInfo, DER), as
upper-case hex digits, and where its private key was published. A certificate that somebody makes anew for such a key is
found, too.
"""

from __future__ import annotations

PUBLISHED = {
    # certificate: meta-leda-components/recipes-sdv/eclipse-leda/files/cloud-connector/example-device.crt, which the recipe
    # sdv-example-certificate puts on the data partition as device.crt (provisioning.md §3)
    "4455DF57DC74D0BCC53AC19695A0DC7B5D3FE80F3E953532F8403F6B359FBC7E": (
        "eclipse-leda/meta-leda, examples/cloudconnector/device.key"
    ),
    # of two commits: a87f7ae4a0c390dfc00cf9dece916303ec6b3024 and 8d50f9220df1ed72fe32da961c88f10bad03c8de
    "8BC1889AF80717848BA78B60506419D93BC8CE188B506E14C5AD70865E26B4EC": (
        "eclipse-leda/meta-leda, examples/rauc/development-1.key.pem"
    ),
    "894DAD3F9C2D2D4C508EFA57002EE3E58E929F9E7620935E9FA2C908704DACB7": (
        "eclipse-leda/meta-leda, examples/rauc/development-1.key.pem"
    ),
    "ABA014A99D0A84A55A8CDFB69142D6248C80C75AB23190E6D4606B781C9EA546": (
        "eclipse-leda/leda-distro, examples/example-ca/private/ca.key.pem"
    ),
    "840E5574E058B2665673DAA875A978DDB2B4E60F1679DAC182F36009341E29F8": (
        "eclipse-leda/leda-distro, examples/example-ca/private/development-1.key.pem"
    ),
    "435EACAD5732020B8189F683FA45F77BFB3DE479F0F3E9DE0A6DE8A32742FA3C": (
        "eclipse-leda/leda-distro, examples/nginx/leda-bundle-server.key"
    ),
}
