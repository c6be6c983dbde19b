"""Task descriptions: plain frozen dataclasses that every face builds, to and from JSON."""
