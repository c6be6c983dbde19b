"""The engine in a process of its own: its Python, its installation, its worker and QgsTask."""
