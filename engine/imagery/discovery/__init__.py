"""From files and folders to the bands of a stack: scene folders, cubes, descriptions."""
