"""Random graphs of the styles in which people build models: chains, residuals, separable ones."""

from random_graphs import NONE, RELU, RELU6, SAME, TABLES, VALID, Graph

_WINDOWS = ((3, 3), (3, 3), (1, 1), (5, 5), (2, 2), (3, 1), (1, 3))
_FILTERS = (3, 4, 6, 8, 8, 12, 16, 16, 24, 32)


def network(rng):
    """A whole network of a random style."""
    styles = (chain, chain, separable, separable, inverted, residual, signal, dense, soup, soup)
    return styles[rng.integers(len(styles))](rng)


def _plane(rng, most=13):
    height, width = (int(n) for n in rng.integers(5, most, 2))
    if rng.random() < 0.5:
        width = height
    return Graph(rng, (1, height, width, int(rng.choice((1, 1, 3, 3, 4, 8)))))


def _act(g):
    return g.pick(NONE, RELU, RELU, RELU6)


def _pool(g, name=None):
    name = name or g.pick("MAX_POOL_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")
    height, width = g.shape[1:3]
    window = g.pick((2, 2), (2, 2), (3, 3), (2, 1), (1, 2))
    window = (min(window[0], height), min(window[1], width))
    stride = g.pick(window, window, (1, 1), (2, 2))
    g.pool(name, window, stride, g.pick(VALID, SAME), g.pick(NONE, NONE, RELU))


def _conv(g, window=None, filters=None):
    height, width, channels = g.shape[1:]
    window = window or g.pick(*_WINDOWS)
    stride = g.pick((1, 1), (1, 1), (2, 2), (2, 1))
    dilation = g.pick((2, 2), (1, 2)) if g.maybe(0.06) else (1, 1)
    span = [(seen - 1) * wide + 1 for seen, wide in zip(window, dilation, strict=True)]
    padding = VALID if g.maybe(0.4) and span[0] <= height and span[1] <= width else SAME
    groups = 2 if g.maybe(0.05) and channels % 2 == 0 else 1
    filters = filters or g.pick(*_FILTERS)
    g.convolution(filters + filters % groups, window, stride, padding, dilation, _act(g), groups)


def _depthwise(g, stride=(1, 1)):
    height, width = g.shape[1:3]
    window = (3, 3) if g.maybe(0.7) else g.pick((5, 5), (3, 1), (1, 3), (2, 2))
    inside = window[0] <= height and window[1] <= width
    padding = VALID if g.maybe(0.15) and inside else SAME
    g.depthwise(window, stride, padding, act=_act(g), each=2 if g.maybe(0.07) else 1)


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
        g.dense(int(g.rng.integers(4, 30)), _act(g))
    if g.maybe(0.9):
        g.dense(int(g.rng.integers(1, 13)))
    if g.maybe(0.7) and g.shape[-1] > 1:
        g.softmax()
    elif g.maybe(0.2):
        g.function("LOGISTIC")
    return g


def _between(g, share=0.35):
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
            g.join(name, g.constant(shape), _act(g))


def chain(rng):
    """Convolutions, pools and functions behind one another."""
    g = _plane(rng, 17)
    for _ in range(int(rng.integers(1, 4))):
        _conv(g)
        _between(g)
        if g.maybe(0.5) and min(g.shape[1:3]) > 2:
            _pool(g)
    return _end(g)


def separable(rng):
    """Depthwise and pointwise convolutions, as of keywords and of persons in pictures."""
    g = _plane(rng, 12)
    if g.maybe(0.25):
        g = Graph(rng, (1, int(rng.integers(10, 26)), int(rng.integers(4, 11)), 1))
        filters = g.pick(16, 32, 64)
        g.convolution(filters, g.pick((10, 4), (8, 4)), (2, 2), SAME, act=RELU)
    else:
        filters = g.pick(*_FILTERS)
        g.convolution(filters, (3, 3), (2, 2), SAME, act=g.pick(RELU, RELU6))
    for _ in range(int(rng.integers(1, 5))):
        _depthwise(g, g.pick((1, 1), (1, 1), (2, 2)))
        if g.maybe(0.3):
            filters = g.pick(*_FILTERS)
        g.convolution(filters, (1, 1), act=g.pick(RELU, RELU6))
        if g.maybe(0.1):
            _between(g, 1)
    return _end(g)


def inverted(rng):
    """Wider blocks between narrow ones that are added up, and squeezed or excited."""
    g = _plane(rng, 10)
    g.convolution(g.pick(4, 6, 8), (3, 3), (1, 1), SAME, act=RELU6)
    for _ in range(int(rng.integers(1, 4))):
        here, narrow = g.at, g.shape[3]
        wide = narrow * g.pick(2, 3)
        g.convolution(wide, (1, 1), act=RELU6)
        _depthwise(g)
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
    g = _plane(rng, 11)
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
        _between(g, 0.1)
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
        g.convolution(g.pick(*_FILTERS), window, stride, padding, dilation, _act(g))
        _between(g, 0.3)
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
        _between(g, 0.1)
    if g.maybe(0.5):
        g.dense(int(rng.integers(1, 13)))
    if g.maybe(0.4):
        g.softmax()
    return g


def soup(rng):
    """Anything behind anything, branches and 16 bits among it."""
    g = _plane(rng)
    left = 0  # operators in 16 bits
    for _ in range(int(rng.integers(2, 7))):
        if g.kind == "int8" and g.maybe(0.12):
            g.quantize("int16")
            left = 3
        doing = ["conv", "conv", "depthwise", "pool", "pad", "concatenation"]
        doing += ["between", "between", "join"] if g.kind == "int8" else ["relu6"]
        what = g.pick(*doing)
        if what == "conv":
            _conv(g, filters=g.pick(2, 3, 4, 6, 8, 12))
        elif what == "depthwise":
            _depthwise(g)
        elif what == "pool" and min(g.shape[1:3]) > 2:
            _pool(g)
        elif what == "pad":
            deep = (0, g.pick(0, 0, 3))
            edges = [tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2)]
            g.pad((*edges, deep) if any(map(any, edges)) else ((1, 1), (1, 1), deep))
        elif what == "concatenation":
            _branches(g, lambda first: g.concatenation(first))
        elif what == "join":
            name = g.pick("ADD", "MUL", "SUB")
            _branches(g, lambda first, name=name: g.join(name, first, _act(g)), same=True)
        elif what == "relu6":
            g.function("RELU6")
        else:
            _between(g, 1)
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
        g.convolution(filters if same else g.pick(2, 4, 6), g.pick((1, 1), (3, 3)), act=_act(g))
        if branch == 0:
            first = g.at
    joined(first)


def layers(rng):
    """One to three weighted sums and nothing else."""
    g, count = _plane(rng), int(rng.integers(1, 4))
    if g.maybe(0.2):
        g = Graph(rng, (1, int(rng.integers(2, 80))))
    elif g.maybe(0.2):
        g = Graph(rng, (1, g.pick(1, 1, 30), g.pick(1, 30, 30), int(rng.choice((1, 2, 3, 6)))))
    what = g.pick("conv", "depthwise", "point", "any", "any")
    window = None if g.maybe(0.5) else g.pick(*_WINDOWS)
    for _ in range(count):
        if len(g.shape) < 4 or g.maybe(0.15):
            g.dense(int(rng.integers(1, 30)), _act(g))
            continue
        each = g.pick("conv", "depthwise", "point") if what == "any" else what
        if each == "conv":
            _conv(g, window)
        elif each == "depthwise":
            _depthwise(g, g.pick((1, 1), (1, 1), (2, 2)))
        else:
            g.convolution(g.pick(*_FILTERS), (1, 1), act=_act(g))
    return g


def operator(rng):
    """One operator by itself, whose share of a whole network would be too small to be told."""
    if rng.random() < 0.2:
        g = Graph(rng, (1, int(rng.integers(2, 80))))
        name = g.pick("softmax", "softmax", "dense", "dense", *TABLES)
        if name == "softmax":
            g.softmax()
        elif name == "dense":
            g.dense(int(rng.integers(1, 40)), _act(g))
        else:
            g.function(name)
        return g
    g = _plane(rng)
    what = g.pick(
        "mean", "mean", "axis", "pool", "pool", "all", "table", "prelu", "prelu", "scale", "scale",
        "shift", "product", "product", "sum", "join", "pad", "softmax", "cut", "conv", "depthwise",
    )  # fmt: skip
    if what in ("mean", "axis"):
        g.mean((1, 2) if what == "mean" else (1 if g.maybe(0.5) else 2,))
    elif what == "pool":
        _pool(g)
    elif what == "all":
        g.pool("AVERAGE_POOL_2D", g.shape[1:3], g.shape[1:3])
    elif what == "table":
        g.function(g.pick(*TABLES))
    elif what == "prelu":
        g.prelu()
    elif what in ("scale", "shift"):
        shape = (g.shape[-1],) if g.maybe(0.8) else g.pick(g.shape, (1,))
        g.join("MUL" if what == "scale" else g.pick("ADD", "SUB"), g.constant(shape), _act(g))
    elif what in ("product", "sum"):
        first = g.at
        if g.maybe(0.5):
            g.mean()
            g.apply("RESHAPE", (g.at,), g.like(shape=(1, 1, 1, g.shape[-1])))
        g.join("MUL" if what == "product" else "ADD", first, _act(g))
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
        _conv(g)
    else:
        _depthwise(g, g.pick((1, 1), (2, 2)))
    return g
