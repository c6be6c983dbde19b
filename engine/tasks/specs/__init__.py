"""Task descriptions: plain frozen dataclasses that every face builds, to and from JSON.

``schema`` turns the JSON text of any task into its dataclass by the type hints of the fields, and checks the limits in
their metadata; ``limits`` holds those that several tasks share. One file describes each kind of task. ``layer_path``
and ``quality_text`` read what people write at a terminal or in a form.

>>> from croptransfer.engine.tasks.specs.extraction import Extraction
>>> from croptransfer.engine.tasks.specs.schema import setting_problems
>>> task = Extraction.from_json('{"output": "series.npz", "join": ["a.npz", "b.npz"], "per_class": 0}')
>>> print(*setting_problems(task))
The number of pixels per class is 0. Choose a number of at least 1.
"""
