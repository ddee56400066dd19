"""The XXH3 hash of 128 bits, for a web page, where the library ``xxhash`` is not.

It gives what the library gives, for more than 240 bytes, much slower: it is meant for the tiny
models of the book. "Stripe", "block" and the other terms are those of the specification.

References
----------
Y. Collet, "xxHash fast digest algorithm", section "XXH3 Algorithm Description (for large inputs)":
doc/xxhash_spec.md of the repository Cyan4973/xxHash.
"""

import numpy as np

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
PRIME32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
PRIME64 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)  # fmt: skip
PRIME_MX1 = 0x165667919E3779F9
STRIPE, BLOCK, SHORTEST = 64, 1024, 241  # bytes
_64_BITS = 2**64 - 1


def hexadecimal(data: bytes) -> str:
    """Return the hash in 32 digits.

    Raises
    ------
    ValueError
        For less than 241 bytes, which are hashed in another way.

    Examples
    --------
    >>> hexadecimal(bytes(1000))[:8]
    '3fb94aea'
    """
    if len(data) < SHORTEST:
        raise ValueError(f"{len(data)} bytes are given; this hash is for {SHORTEST} and more")
    state = np.array(
        [PRIME32[2], *PRIME64[:4], PRIME32[1], PRIME64[4], PRIME32[0]], np.uint64
    )  # (8,)
    n_blocks, last = (len(data) - 1) // BLOCK, (len(data) - 1) // STRIPE  # the last stripe: below
    stripes = np.frombuffer(data, "<u8", last * STRIPE // 8).reshape(-1, 8)
    secrets = np.array([_secret(8 * i) for i in range(BLOCK // STRIPE)])
    mixed = _mixed(stripes, np.resize(secrets, stripes.shape))
    in_blocks = n_blocks * len(secrets)
    for block in mixed[:in_blocks].reshape(n_blocks, len(secrets), 8).sum(axis=1):
        state += block
        state = (state ^ state >> np.uint64(47) ^ _secret(128)) * np.uint64(PRIME32[0])
    end = np.frombuffer(data[-STRIPE:], "<u8")[None]
    state += mixed[in_blocks:].sum(axis=0) + _mixed(end, _secret(121))[0]
    low = _merged(state, len(data) * PRIME64[0], 11)
    high = _merged(state, ~(len(data) * PRIME64[1]), 117)
    return f"{high:016x}{low:016x}"


def _secret(start: int) -> np.ndarray:
    """Return eight numbers of the secret, from some byte on."""
    return np.frombuffer(SECRET, "<u8", 8, start)


def _mixed(stripes: np.ndarray, secrets: np.ndarray) -> np.ndarray:
    """Return what each stripe adds to the state, (n, 8): the order of stripes does not matter."""
    masked = stripes ^ secrets
    products = (masked & np.uint64(2**32 - 1)) * (masked >> np.uint64(32))
    return products + stripes[:, [1, 0, 3, 2, 5, 4, 7, 6]]


def _merged(state: np.ndarray, start: int, place: int) -> int:
    pairs = (state ^ _secret(place)).reshape(4, 2).tolist()
    products = [a * b for a, b in pairs]
    x = start + sum(product & _64_BITS ^ product >> 64 for product in products) & _64_BITS
    x = (x ^ x >> 37) * PRIME_MX1 & _64_BITS
    return x ^ x >> 32
