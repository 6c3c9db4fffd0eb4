import numpy as np, time
from catclf.descent import gram
from catclf.descent.gram import Recurrence
from catclf.logistic import one_hot

rng = np.random.default_rng(0)


def make(K, m, k, few):
    gram.FEW_NEURONS = few
    Y = one_hot((np.arange(m) % max(k, 2)).astype(np.uint16), 2 if k == 1 else k)
    r = Recurrence(K, Y, np.array([1e-3]), np.array([0.0]), np.full((1, m), 1 / m), "cross-entropy")
    for _ in range(3):
        r.step()
    return r


for m, n in ((1200, 10), (1500, 8), (2000, 6), (3000, 4)):
    K = rng.random((m, m))
    K = K @ K.T / m
    rs = {("1", 1): make(K, m, 1, 3)}
    for k in (3, 4, 5, 6, 8):
        rs[("gemm", k)] = make(K, m, k, 0)
        rs[("gemv", k)] = make(K, m, k, 99)
    best = {q: 9e9 for q in rs}
    for _ in range(25):
        for q, r in rs.items():
            s = time.perf_counter()
            for _ in range(n):
                r.step()
            best[q] = min(best[q], (time.perf_counter() - s) / n)
    one = best[("1", 1)]
    print(
        m,
        f"{one * 1e6:.0f}us",
        *(f"{q[0]}{q[1]}:{v / one:.2f}" for q, v in best.items() if q[1] > 1),
        flush=True,
    )
