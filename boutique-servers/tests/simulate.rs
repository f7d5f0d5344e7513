//! `boutique simulate`, as somebody at a terminal uses it.

mod support;

use support::run;

#[test]
fn seeds_without_faults_end_well_and_are_counted() {
    let args = ["simulate", "--seeds", "3", "--orders", "8", "--faults"];
    let calm = args.into_iter().chain(["calm", "--json"]);
    let told = run(calm).succeeds().json();
    assert_eq!(
        (&told["seeds"], &told["counts"]["orders"]),
        (&3.into(), &24.into())
    );
    assert_eq!(told["counts"]["crash"], 0);
    assert_eq!(told["failures"], serde_json::json!([]));
    assert!(told["counts"]["confirmed"].as_u64() > Some(0), "{told}");
}

#[test]
fn too_few_seeds_prove_nothing_and_say_so() {
    let few = run(["simulate", "--seeds", "1", "--orders", "2"]);
    few.fails(1, &["vacuous", "run more seeds"]);
    assert!(few.stdout.contains("never met an order"), "{}", few.stdout);
}

#[test]
fn a_seed_is_the_same_again_in_another_process() {
    let orders = ["--orders", "8"];
    let listed = run(["simulate", "--seeds", "1", "--from", "7", "--hashes"]
        .into_iter()
        .chain(orders));
    let again = run(["simulate", "--replay", "7"].into_iter().chain(orders)).succeeds();
    let hash = again.stdout.trim_end().rsplit(' ').next().expect("a hash");
    assert!(
        listed.stdout.starts_with(&format!("7 {hash}\n")),
        "{}",
        listed.stdout
    );
    // With some of its orders alone it is another history, told line by line.
    let fewer = ["--only-orders", "0,3", "--trace"];
    let fewer = run(["simulate", "--replay", "7"]
        .into_iter()
        .chain(orders)
        .chain(fewer));
    let fewer = fewer.succeeds().stdout;
    assert!(!fewer.contains(hash), "{fewer}");
    assert!(
        fewer.contains("place") && fewer.lines().count() > 10,
        "{fewer}"
    );
}

#[test]
fn what_is_no_fault_is_named() {
    run(["simulate", "--faults", "bad"]).fails(2, &["'bad'", "calm, standard and harsh"]);
    run(["simulate", "--dial", "crash"]).fails(2, &["write KIND=N"]);
    run(["simulate", "--dial", "flood=1"]).fails(2, &["'flood=1'", "crash"]);
    run(["simulate", "--trace"]).fails(2, &["--replay"]);
    run(["simulate", "--replay", "1", "--hashes"]).fails(2, &["--hashes"]);
    run(["simulate", "--replay", "1", "--only-orders=99"]).fails(2, &["99", "--orders 60"]);
}
