"""Makes what is installed on machines: the Debian package (`make deb`), a look at the Dockerfile."""
