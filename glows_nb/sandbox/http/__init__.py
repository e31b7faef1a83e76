"""The sandbox over HTTP: the API, its OpenAPI document, and the admin side."""
