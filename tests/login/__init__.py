"""Login with an identity provider, access and refresh tokens."""
