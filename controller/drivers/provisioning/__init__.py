"""The driver of provisioning: pairs of a key and a certificate, the cloud that they are shown to, and the files made of
them."""
