"""How the data side looks in JSON: one module per module of the API."""
