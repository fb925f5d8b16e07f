"""Parts of networks: so little that it shows what each operator takes."""

from random_graphs import TABLES, Graph
from random_layers import FILTERS, WINDOWS, add_conv, add_depthwise, add_pool, some_act, some_plane


def layers(rng):
    """One to three weighted sums and nothing else."""
    g, count = some_plane(rng), int(rng.integers(1, 4))
    if g.maybe(0.2):
        g = Graph(rng, (1, int(rng.integers(2, 80))))
    elif g.maybe(0.2):
        g = Graph(rng, (1, g.pick(1, 1, 30), g.pick(1, 30, 30), int(rng.choice((1, 2, 3, 6)))))
    what = g.pick("conv", "depthwise", "point", "any", "any")
    window = None if g.maybe(0.5) else g.pick(*WINDOWS)
    for _ in range(count):
        if len(g.shape) < 4 or g.maybe(0.15):
            g.dense(int(rng.integers(1, 30)), some_act(g))
            continue
        each = g.pick("conv", "depthwise", "point") if what == "any" else what
        if each == "conv":
            add_conv(g, window)
        elif each == "depthwise":
            add_depthwise(g, g.pick((1, 1), (1, 1), (2, 2)))
        else:
            g.convolution(g.pick(*FILTERS), (1, 1), act=some_act(g))
    return g


def operator(rng):
    """One operator by itself, whose share of a whole network would be too small to be told."""
    if rng.random() < 0.2:
        g = Graph(rng, (1, int(rng.integers(2, 80))))
        name = g.pick("softmax", "softmax", "dense", "dense", *TABLES)
        if name == "softmax":
            g.softmax()
        elif name == "dense":
            g.dense(int(rng.integers(1, 40)), some_act(g))
        else:
            g.function(name)
        return g
    g = some_plane(rng)
    what = g.pick(
        "mean", "mean", "axis", "pool", "pool", "all", "table", "prelu", "prelu", "scale", "scale",
        "shift", "product", "product", "sum", "join", "pad", "softmax", "cut", "conv", "depthwise",
    )  # fmt: skip
    if what in ("mean", "axis"):
        g.mean((1, 2) if what == "mean" else (1 if g.maybe(0.5) else 2,))
    elif what == "pool":
        add_pool(g)
    elif what == "all":
        g.pool("AVERAGE_POOL_2D", g.shape[1:3], g.shape[1:3])
    elif what == "table":
        g.function(g.pick(*TABLES))
    elif what == "prelu":
        g.prelu()
    elif what in ("scale", "shift"):
        shape = (g.shape[-1],) if g.maybe(0.8) else g.pick(g.shape, (1,))
        g.join("MUL" if what == "scale" else g.pick("ADD", "SUB"), g.constant(shape), some_act(g))
    elif what in ("product", "sum"):
        first = g.at
        if g.maybe(0.5):
            g.mean()
            g.apply("RESHAPE", (g.at,), g.like(shape=(1, 1, 1, g.shape[-1])))
        g.join("MUL" if what == "product" else "ADD", first, some_act(g))
    elif what == "join":
        g.concatenation(g.at, *([g.at] if g.maybe(0.3) else []))
    elif what == "pad":
        g.pad(((1, 1), (0, g.pick(1, 2)), (0, g.pick(0, 0, 3))))
    elif what == "softmax":
        g.flat()
        g.softmax()
    elif what == "cut":
        g.apply("RELU", (g.at,), g.like())
    elif what == "conv":
        add_conv(g)
    else:
        add_depthwise(g, g.pick((1, 1), (2, 2)))
    return g
