//! Any text as an amount, and any two amounts added: exact, or an error, never a wrap.
#![no_main]

use boutique_core::money::Money;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&str, &str)| {
    let (Ok(one), Ok(other)) = (
        serde_json::from_str::<Money>(data.0),
        serde_json::from_str::<Money>(data.1),
    ) else {
        return;
    };
    let text = serde_json::to_string(&one).expect("prints");
    assert_eq!(serde_json::from_str::<Money>(&text).expect("reads"), one);
    if let Ok(sum) = one.plus(other) {
        assert_eq!(sum.minus(other).expect("in range"), one);
    }
});
