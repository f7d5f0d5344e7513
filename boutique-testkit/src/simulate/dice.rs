//! What a seed draws.

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
/// generators", 2014): one addition and a mix per draw. Nothing here needs more.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: every bit of the input changes half of the output's.
pub(super) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// The dice of `stream` under `seed`. Streams of one seed are independent, so that leaving
    /// an order out of a run does not change what the others ask for.
    pub(super) const fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed ^ GOLDEN).wrapping_add(mix(stream.wrapping_add(GOLDEN))))
    }

    pub(super) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// 0 to `sides - 1`. `sides` is small, so the bias of the remainder is of no matter.
    pub(super) const fn below(&mut self, sides: u64) -> u64 {
        (self.draw() >> 11) % sides
    }

    /// `from` to `to`, both included.
    pub(super) const fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// Whether something happens that does `percent` times in a hundred.
    pub(super) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
