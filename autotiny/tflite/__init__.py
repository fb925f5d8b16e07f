"""Reading and running .tflite files."""
