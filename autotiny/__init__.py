"""autotiny: automatic search for machine-learning models that fit microcontrollers."""

__version__ = "0.4.0"
