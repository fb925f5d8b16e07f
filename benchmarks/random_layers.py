"""Layers of random shapes, which all styles of random graphs are made of."""

from random_graphs import NONE, RELU, RELU6, SAME, TABLES, VALID, Graph

WINDOWS = ((3, 3), (3, 3), (1, 1), (5, 5), (2, 2), (3, 1), (1, 3))
FILTERS = (3, 4, 6, 8, 8, 12, 16, 16, 24, 32)


def some_plane(rng, most=13):
    """Return a graph of an image."""
    height, width = (int(n) for n in rng.integers(5, most, 2))
    if rng.random() < 0.5:
        width = height
    return Graph(rng, (1, height, width, int(rng.choice((1, 1, 3, 3, 4, 8)))))


def some_act(g):
    """Return a fused activation."""
    return g.pick(NONE, RELU, RELU, RELU6)


def add_pool(g, name=None):
    """Add a pool over small windows."""
    name = name or g.pick("MAX_POOL_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")
    height, width = g.shape[1:3]
    window = g.pick((2, 2), (2, 2), (3, 3), (2, 1), (1, 2))
    window = (min(window[0], height), min(window[1], width))
    stride = g.pick(window, window, (1, 1), (2, 2))
    g.pool(name, window, stride, g.pick(VALID, SAME), g.pick(NONE, NONE, RELU))


def add_conv(g, window=None, filters=None):
    """Add a convolution of any kind."""
    height, width, channels = g.shape[1:]
    window = window or g.pick(*WINDOWS)
    stride = g.pick((1, 1), (1, 1), (2, 2), (2, 1))
    dilation = g.pick((2, 2), (1, 2)) if g.maybe(0.06) else (1, 1)
    span = [(seen - 1) * wide + 1 for seen, wide in zip(window, dilation, strict=True)]
    padding = VALID if g.maybe(0.4) and span[0] <= height and span[1] <= width else SAME
    groups = 2 if g.maybe(0.05) and channels % 2 == 0 else 1
    filters = filters or g.pick(*FILTERS)
    g.convolution(
        filters + filters % groups, window, stride, padding, dilation, some_act(g), groups
    )


def add_depthwise(g, stride=(1, 1)):
    """Add a depthwise convolution of any kind."""
    height, width = g.shape[1:3]
    window = (3, 3) if g.maybe(0.7) else g.pick((5, 5), (3, 1), (1, 3), (2, 2))
    inside = window[0] <= height and window[1] <= width
    padding = VALID if g.maybe(0.15) and inside else SAME
    g.depthwise(window, stride, padding, act=some_act(g), each=2 if g.maybe(0.07) else 1)


def add_between(g, share=0.35):
    """Add, in this share of cases, what a layer may be followed by."""
    if g.maybe(share):
        what = g.pick(*TABLES, "prelu", "prelu", "scale", "shift", "difference")
        if what in TABLES:
            g.function(what)
        elif what == "prelu":
            g.prelu()
        else:
            name = {"scale": "MUL", "shift": "ADD", "difference": "SUB"}[what]
            shape = (g.shape[-1],) if g.maybe(0.8) else g.pick(g.shape, (1,))
            g.join(name, g.constant(shape), some_act(g))
