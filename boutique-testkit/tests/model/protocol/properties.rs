//! What must hold in every state, and what must happen in some, so that it is not said of nothing.

use boutique_core::stock::HoldState;
use stateright::Property;

use super::Shape;
use super::record::{Phase, Record};
use super::shelf::{Row, Verb};
use super::task::{Stage, Task};
use super::world::{Fate, Protocol, Told, Who, World};

pub(crate) fn of(shape: Shape) -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always("every step is one that the rules allow", allowed),
        Property::always("the last unit is sold once", sold_once),
        Property::always("nothing is sold without a durable intent", intended),
        Property::always("the holds of an order agree", agree),
        Property::always("a record says what the ledgers say", truthful),
        Property::always("an answer is for ever", kept),
        Property::always("a pin never outlives its intent", pinned_for_a_reason),
        Property::always("recovery alone ends every order, and ends it once", ends),
        Property::sometimes("an order is sold", |_, it: &World| {
            it.told.contains(&Told::Confirmed)
        }),
        Property::sometimes("a client is told no", |_, it: &World| {
            it.told.contains(&Told::Refused)
        }),
        Property::sometimes(
            "a sold order is rolled forward by recovery",
            |_, it: &World| {
                tasks(it, Who::Recovery)
                    .any(|task| task.stage == Stage::Recording(super::record::Decision::Confirm))
            },
        ),
        Property::sometimes("a hold lapses under its attempt", |_, it: &World| {
            rows(it).any(|row| row.state() == Some(HoldState::Expired))
                && it.records.iter().any(|it| it.phase == Phase::Started)
        }),
        Property::sometimes("a void comes before its reserve", |_, it: &World| {
            rows(it).any(|row| row == Row::Tombstone)
        }),
        Property::sometimes("a late reserve holds goods for nobody", |_, it: &World| {
            it.records[0] == Record::NONE && it.row(0, 1, 0).is_open()
        }),
    ];
    if shape.orders() > 1 {
        all.push(Property::sometimes(
            "one order is sold, one refused",
            |_, it: &World| it.told.contains(&Told::Confirmed) && it.told.contains(&Told::Refused),
        ));
    }
    if shape.systems() > 1 {
        all.push(Property::sometimes(
            "a pinned hold is given up",
            |_, it: &World| {
                tasks(it, Who::Recovery).any(|task| matches!(task.stage, Stage::Dropping(_)))
                    && it.row(0, 1, 1).state() == Some(HoldState::Pinned)
            },
        ));
        all.push(Property::sometimes(
            "sold here, not yet there",
            |_, it: &World| it.row(0, 1, 0).is_sold() && it.row(0, 1, 1).is_open(),
        ));
    }
    if shape.attempts > 1 {
        all.push(Property::sometimes(
            "a key that failed is sold",
            |_, it: &World| it.records[0].phase == Phase::Confirmed && it.records[0].attempt == 2,
        ));
    }
    if shape.review {
        all.push(Property::sometimes(
            "an approved order is sold",
            |_, it: &World| it.records[0].phase == Phase::Approved && it.row(0, 1, 0).is_sold(),
        ));
        all.push(Property::sometimes(
            "approved, but its goods are gone",
            |_, it: &World| {
                it.records[0].phase == Phase::Approved
                    && it.row(0, 1, 0).state() == Some(HoldState::Expired)
            },
        ));
    }
    if shape.warehouse {
        all.push(Property::sometimes("sold goods leave", |_, it: &World| {
            rows(it).any(|row| row.state() == Some(HoldState::Shipped))
        }));
        all.push(Property::sometimes(
            "sold goods are released",
            |_, it: &World| rows(it).any(|row| row.state() == Some(HoldState::Released)),
        ));
    }
    all
}

fn rows(world: &World) -> impl Iterator<Item = Row> {
    world.shelves.iter().flat_map(|it| it.rows)
}

fn tasks(world: &World, who: Who) -> impl Iterator<Item = &Task> {
    world
        .tasks
        .iter()
        .filter_map(move |it| it[who as usize].as_ref())
}

/// Every attempt of every order: order, attempt, rows of its holds, the deciding one first.
fn attempts(
    model: &Protocol,
    world: &World,
    mut each: impl FnMut(usize, u8, &[Row]) -> bool,
) -> bool {
    (0..model.shape.orders()).all(|order| {
        let systems = model.shape.touches[order];
        (1..=u8::try_from(model.shape.attempts).expect("a few")).all(|attempt| {
            let rows = std::array::from_fn::<_, { super::SYSTEMS }, _>(|system| {
                world.row(order, attempt, system)
            });
            each(order, attempt, &rows[..systems])
        })
    })
}

fn allowed(_: &Protocol, world: &World) -> bool {
    world.broken.is_none()
}

fn sold_once(model: &Protocol, world: &World) -> bool {
    // What was released may be sold again.
    let gone = |row: &Row| matches!(row.state(), Some(HoldState::Confirmed | HoldState::Shipped));
    world
        .shelves
        .iter()
        .all(|shelf| shelf.rows.iter().filter(|it| gone(it)).count() <= model.shape.units.into())
}

fn intended(model: &Protocol, world: &World) -> bool {
    attempts(model, world, |order, attempt, rows| {
        rows.iter().all(|it| !it.is_sold()) || world.records[order].attempt == attempt
    })
}

fn agree(model: &Protocol, world: &World) -> bool {
    attempts(model, world, |_, _, rows| match rows {
        [deciding, dependent] if deciding.is_sold() => {
            dependent.is_sold() || dependent.state() == Some(HoldState::Pinned)
        }
        [_, dependent] => !dependent.is_sold(),
        [deciding] => match deciding {
            Row::Kept { noted, .. } => !deciding.is_sold() || *noted,
            _ => true,
        },
        _ => true,
    })
}

fn truthful(model: &Protocol, world: &World) -> bool {
    attempts(model, world, |order, attempt, rows| {
        let record = world.records[order];
        if attempt < record.attempt
            || (attempt == record.attempt && matches!(record.phase, Phase::Refused | Phase::Failed))
        {
            rows.iter().all(|it| !it.is_open() && !it.is_sold())
        } else if attempt == record.attempt && record.phase == Phase::Confirmed {
            rows.iter().all(|it| it.is_sold())
        } else {
            true
        }
    })
}

fn kept(model: &Protocol, world: &World) -> bool {
    (0..model.shape.orders()).all(|order| {
        let Record { phase, attempt } = world.records[order];
        match world.told[order] {
            Told::Nothing => true,
            Told::Confirmed => attempt > 0 && world.row(order, attempt, 0).is_sold(),
            Told::Refused => phase == Phase::Refused,
        }
    })
}

fn pinned_for_a_reason(model: &Protocol, world: &World) -> bool {
    attempts(model, world, |order, attempt, rows| {
        let Record {
            phase,
            attempt: latest,
        } = world.records[order];
        rows.iter().all(|it| {
            it.state() != Some(HoldState::Pinned) || (attempt == latest && phase.is_open())
        })
    })
}

/// From here on nothing fails: every process is gone, recovery runs, what is left lapses.
fn ends(model: &Protocol, world: &World) -> bool {
    let mut quiet = world.clone();
    quiet.tasks = Default::default();
    quiet.sent = 0;
    world.broken.is_some() || model.rules.ending(quiet, |quiet| ends_from(model, quiet))
}

fn ends_from(model: &Protocol, quiet: &World) -> bool {
    let rest = at_rest(model, quiet);
    let over = rest.broken.is_none()
        && (0..model.shape.orders()).all(|order| !rest.records[order].phase.is_open())
        && rows(&rest).all(|it| !it.is_open())
        && truthful(model, &rest)
        && kept(model, &rest);
    over && at_rest(model, &rest) == rest
}

fn at_rest(model: &Protocol, world: &World) -> World {
    let mut world = world.clone();
    for order in 0..model.shape.orders() {
        let systems = model.shape.touches[order];
        let Record { phase, attempt } = world.records[order];
        let mut task = Task::recover(phase, attempt, systems);
        while let Some(mut at) = task {
            world.tasks[order][Who::Recovery as usize] = Some(at);
            for system in 0..systems {
                if let Some(verb) = at.asks(system) {
                    let reply = model.arrive(&mut world, order, at.attempt, system, verb);
                    Protocol::hear(&mut world, order, Who::Recovery, system, Some(reply));
                }
            }
            if let Stage::Recording(_) = at.stage {
                model.record(&mut world, order, Who::Recovery);
            }
            let next = world.tasks[order][Who::Recovery as usize];
            assert!(next != Some(at), "recovery stands still at {at:?}");
            if let Some(next) = next {
                at = next;
            }
            task = next.map(|_| at);
        }
        let Record { attempt, .. } = world.records[order];
        for system in 0..systems {
            match world.fates[order][system] {
                Fate::Open => {}
                Fate::Ships => {
                    model.arrive(&mut world, order, attempt, system, Verb::Ship);
                }
                Fate::CalledOff => {
                    model.arrive(&mut world, order, attempt, system, Verb::Release);
                }
            }
        }
    }
    world.sent = 0;
    // Whatever is held now is held for nobody: a sweep after its time frees it.
    for shelf in &mut world.shelves {
        *shelf = shelf.swept();
    }
    world
}
