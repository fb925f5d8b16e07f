"""TensorFlow Lite Micro: what it can run, what that costs, and how it is proved."""
