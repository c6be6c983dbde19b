"""The engine in its own process: its Python, its installation, the worker process and its QgsTask."""
