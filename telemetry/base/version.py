"""The version of this project, stated once; the package's metadata is built from it."""

VERSION = "0.1.0"
