"""What the service answers, as frozen typed models, by resource.

Attributes are snake_case whatever the wire says; aliases carry the wire's own spelling both ways. Tomorrow's
server is fine: unknown fields are kept, unknown status words pass through as text, null stands for an empty
list. Requests are in `requests`.
"""
