"""Networks: graphs of layers as plain data, what follows from them, and families of them."""
