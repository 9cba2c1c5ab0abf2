"""The outside view: REST, uploads, downloads and waiting."""
