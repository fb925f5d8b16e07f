"""Random graphs of the styles in which people build models: chains, residuals, separable ones."""

from random_graphs import NONE, RELU, RELU6, SAME, VALID, Graph
from random_layers import (
    FILTERS,
    add_between,
    add_conv,
    add_depthwise,
    add_pool,
    some_act,
    some_plane,
)


def network(rng):
    """A whole network of a random style."""
    styles = (chain, chain, separable, separable, inverted, residual, signal, dense, soup, soup)
    return styles[rng.integers(len(styles))](rng)


def _end(g):
    """Add what makes classes of a plane."""
    how = g.pick("mean", "mean", "pool", "flat", "flat", "axis")
    if len(g.shape) == 4:
        if max(g.shape[1:3]) < 2:  # what is left of a loop over one value is nothing
            g.flat()
        elif how == "mean":
            g.mean()
        elif how == "pool":
            g.pool("AVERAGE_POOL_2D", g.shape[1:3], g.shape[1:3])
            g.flat()
        elif how == "axis":
            g.mean((1 if g.shape[1] > g.shape[2] else 2,))
            g.flat()
        else:
            g.flat()
    if g.maybe(0.3):
        g.dense(int(g.rng.integers(4, 30)), some_act(g))
    if g.maybe(0.9):
        g.dense(int(g.rng.integers(1, 13)))
    if g.maybe(0.7) and g.shape[-1] > 1:
        g.softmax()
    elif g.maybe(0.2):
        g.function("LOGISTIC")
    return g


def chain(rng):
    """Convolutions, pools and functions behind one another."""
    g = some_plane(rng, 17)
    for _ in range(int(rng.integers(1, 4))):
        add_conv(g)
        add_between(g)
        if g.maybe(0.5) and min(g.shape[1:3]) > 2:
            add_pool(g)
    return _end(g)


def separable(rng):
    """Depthwise and pointwise convolutions, as of keywords and of persons in pictures."""
    g = some_plane(rng, 12)
    if g.maybe(0.25):
        g = Graph(rng, (1, int(rng.integers(10, 26)), int(rng.integers(4, 11)), 1))
        filters = g.pick(16, 32, 64)
        g.convolution(filters, g.pick((10, 4), (8, 4)), (2, 2), SAME, act=RELU)
    else:
        filters = g.pick(*FILTERS)
        g.convolution(filters, (3, 3), (2, 2), SAME, act=g.pick(RELU, RELU6))
    for _ in range(int(rng.integers(1, 5))):
        add_depthwise(g, g.pick((1, 1), (1, 1), (2, 2)))
        if g.maybe(0.3):
            filters = g.pick(*FILTERS)
        g.convolution(filters, (1, 1), act=g.pick(RELU, RELU6))
        if g.maybe(0.1):
            add_between(g, 1)
    return _end(g)


def inverted(rng):
    """Wider blocks between narrow ones that are added up, and squeezed or excited."""
    g = some_plane(rng, 10)
    g.convolution(g.pick(4, 6, 8), (3, 3), (1, 1), SAME, act=RELU6)
    for _ in range(int(rng.integers(1, 4))):
        here, narrow = g.at, g.shape[3]
        wide = narrow * g.pick(2, 3)
        g.convolution(wide, (1, 1), act=RELU6)
        add_depthwise(g)
        same = g.shape[1:] == (*g.tensors[here].shape[1:3], wide)
        if g.maybe(0.3):
            plane, wide = g.at, g.shape[3]
            g.mean()
            g.dense(max(1, wide // 4), RELU)
            g.dense(wide)
            g.function(g.pick("LOGISTIC", "HARD_SWISH"))
            g.apply("RESHAPE", (g.at,), g.like(shape=(1, 1, 1, wide)))
            g.join("MUL", plane)
        g.convolution(narrow, (1, 1), act=NONE)
        if same:
            g.join("ADD", here, g.pick(NONE, NONE, RELU))
    return _end(g)


def residual(rng):
    """Blocks of two convolutions with a way around them."""
    g = some_plane(rng, 11)
    g.convolution(g.pick(4, 8, 12, 16), (3, 3), (1, 1), SAME, act=RELU)
    for _ in range(int(rng.integers(1, 4))):
        here, filters = g.at, g.shape[3]
        stride = g.pick((1, 1), (1, 1), (2, 2))
        more = filters if stride == (1, 1) else g.pick(filters, filters * 2)
        g.convolution(more, (3, 3), stride, SAME, act=RELU)
        if g.maybe(0.8):
            g.convolution(more, (3, 3), (1, 1), SAME)
        behind = g.at
        if stride != (1, 1) or more != filters:
            g.at = here
            g.convolution(more, (1, 1), stride, SAME)
        else:
            g.at = here
        g.join("ADD", behind, g.pick(NONE, RELU, RELU))
        add_between(g, 0.1)
    return _end(g)


def signal(rng):
    """Convolutions along one axis, which converters write as a plane of one row."""
    steps, channels = int(rng.integers(16, 60)), int(rng.choice((1, 2, 3, 6)))
    along = rng.random() < 0.8
    g = Graph(rng, (1, 1, steps, channels) if along else (1, steps, 1, channels))
    for _ in range(int(rng.integers(1, 4))):
        size = g.pick(3, 3, 5, 7)
        window, stride = (1, size), (1, g.pick(1, 1, 2))
        dilation = (1, g.pick(1, 1, 1, 2))
        if not along:
            window, stride, dilation = window[::-1], stride[::-1], dilation[::-1]
        length = max(g.shape[1:3])
        padding = VALID if g.maybe(0.4) and length > (size - 1) * max(dilation) else SAME
        g.convolution(g.pick(*FILTERS), window, stride, padding, dilation, some_act(g))
        add_between(g, 0.3)
        length = max(g.shape[1:3])
        if g.maybe(0.5) and length > 3:
            pool = (1, 2) if along else (2, 1)
            g.pool("MAX_POOL_2D", pool, pool, VALID)
    return _end(g)


def dense(rng):
    """Dense layers, some as wide as of an autoencoder for sounds."""
    large = rng.random() < 0.25
    g = Graph(rng, (1, int(rng.integers(100, 641) if large else rng.integers(2, 60))))
    for _ in range(int(rng.integers(1, 7))):
        g.dense(g.pick(128, 64, 8) if large else int(rng.integers(3, 40)), g.pick(RELU, NONE))
        add_between(g, 0.1)
    if g.maybe(0.5):
        g.dense(int(rng.integers(1, 13)))
    if g.maybe(0.4):
        g.softmax()
    return g


def soup(rng):
    """Anything behind anything, branches and 16 bits among it."""
    g = some_plane(rng)
    left = 0  # operators in 16 bits
    for _ in range(int(rng.integers(2, 7))):
        if g.kind == "int8" and g.maybe(0.12):
            g.quantize("int16")
            left = 3
        doing = ["conv", "conv", "depthwise", "pool", "pad", "concatenation"]
        doing += ["between", "between", "join"] if g.kind == "int8" else ["relu6"]
        what = g.pick(*doing)
        if what == "conv":
            add_conv(g, filters=g.pick(2, 3, 4, 6, 8, 12))
        elif what == "depthwise":
            add_depthwise(g)
        elif what == "pool" and min(g.shape[1:3]) > 2:
            add_pool(g)
        elif what == "pad":
            deep = (0, g.pick(0, 0, 3))
            edges = [tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2)]
            g.pad((*edges, deep) if any(map(any, edges)) else ((1, 1), (1, 1), deep))
        elif what == "concatenation":
            _branches(g, lambda first: g.concatenation(first))
        elif what == "join":
            name = g.pick("ADD", "MUL", "SUB")
            _branches(g, lambda first, name=name: g.join(name, first, some_act(g)), same=True)
        elif what == "relu6":
            g.function("RELU6")
        else:
            add_between(g, 1)
        left -= 1
        if g.kind == "int16" and left <= 0:
            g.quantize("int8")
    if g.kind == "int16":
        g.quantize("int8")
    return _end(g)


def _branches(g, joined, *, same=False):
    """Add two branches of one plane, and what joins them."""
    here = g.at
    filters = g.shape[3] if same else g.pick(2, 4, 6)
    for branch in range(2):
        g.at = here
        g.convolution(filters if same else g.pick(2, 4, 6), g.pick((1, 1), (3, 3)), act=some_act(g))
        if branch == 0:
            first = g.at
    joined(first)
