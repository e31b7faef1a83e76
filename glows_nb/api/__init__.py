"""The typed client of GLOWS SDK v1: httpx and pydantic, nothing of notebooks."""
