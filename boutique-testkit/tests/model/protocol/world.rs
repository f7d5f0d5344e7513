//! Orders, ledgers and processes over a network that may do anything.

use boutique_core::stock::HoldState;
use stateright::{Model, Property};

use super::record::{Decision, Phase, Record};
use super::rules::Rules;
use super::shelf::{Row, Shelf, Verb};
use super::task::{Role, Stage, Task, Verdict};
use super::{ATTEMPTS, ORDERS, SYSTEMS, Shape, properties};

/// What a client has been told for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Told {
    Nothing,
    Confirmed,
    Refused,
}

/// What the warehouse has decided, durably, about the goods of a sold order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fate {
    Open,
    Ships,
    CalledOff,
}

/// Which of the processes that may work on one order at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Who {
    /// The client's request, or a person's decision.
    Client,
    Recovery,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct World {
    pub(crate) shelves: [Shelf; SYSTEMS],
    pub(crate) records: [Record; ORDERS],
    pub(crate) tasks: [[Option<Task>; 2]; ORDERS],
    /// Messages that have ever been sent; each may arrive again at any time, or never.
    pub(crate) sent: u64,
    pub(crate) told: [Told; ORDERS],
    pub(crate) fates: [[Fate; SYSTEMS]; ORDERS],
    /// What a single step did that no step may do.
    pub(crate) broken: Option<&'static str>,
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The client sends its key, for the first time or again.
    Place(usize),
    /// The intent of an order's request becomes durable.
    Begin(usize),
    /// A request has asked about the buyer.
    Examine(usize, Verdict),
    /// A process makes its decision durable.
    Record(usize, Who),
    /// Recovery looks at an order.
    Recover(usize),
    /// A person says yes or no.
    Decide(usize, bool),
    /// The warehouse decides about sold goods.
    Settle(usize, usize, Fate),
    /// A message arrives, once more perhaps; who hears the answer, if anybody.
    Arrive {
        order: usize,
        attempt: u8,
        system: usize,
        verb: Verb,
        heard_by: Option<Who>,
    },
    /// A process stops waiting for a system.
    GiveUp(usize, Who, usize),
    /// A process dies: a crash, or a client that hangs up.
    Die(usize, Who),
    /// The time of an open hold is over.
    Lapse(usize, usize),
}

/// The model.
#[derive(Debug)]
pub(crate) struct Protocol {
    pub(crate) shape: Shape,
    pub(crate) rules: Rules,
}

/// The row of an attempt's hold.
pub(crate) fn slot(order: usize, attempt: u8) -> usize {
    order * ATTEMPTS + usize::from(attempt) - 1
}

fn bit(order: usize, attempt: u8, system: usize, verb: Verb) -> u64 {
    let hold = slot(order, attempt) * SYSTEMS + system;
    1 << (hold * Verb::ALL.len() + verb as usize)
}

impl World {
    pub(crate) fn row(&self, order: usize, attempt: u8, system: usize) -> Row {
        self.shelves[system].rows[slot(order, attempt)]
    }

    fn task(&mut self, order: usize, who: Who) -> &mut Option<Task> {
        &mut self.tasks[order][who as usize]
    }

    /// A process goes on, or ends: what it asks next is sent.
    fn go_on(&mut self, order: usize, who: Who, task: Option<Task>) {
        if let Some(task) = &task {
            for system in 0..task.systems {
                if let Some(verb) = task.asks(system) {
                    self.sent |= bit(order, task.attempt, system, verb);
                }
            }
        }
        *self.task(order, who) = task;
    }

    fn tell(&mut self, order: usize, answer: Told) {
        let before = std::mem::replace(&mut self.told[order], answer);
        if before != Told::Nothing && before != answer {
            self.broken = Some("a client was told yes and no");
        }
    }
}

impl Protocol {
    pub(crate) fn new(shape: Shape) -> Self {
        let rules = Rules::default();
        Self { shape, rules }
    }

    /// A message arrives at its ledger.
    pub(crate) fn arrive(
        &self,
        world: &mut World,
        order: usize,
        attempt: u8,
        system: usize,
        verb: Verb,
    ) -> super::shelf::Reply {
        let moved = self.rules.move_hold(
            world.shelves[system],
            slot(order, attempt),
            verb,
            system == 0,
        );
        world.shelves[system] = moved.shelf;
        world.broken = world.broken.or(moved.broken);
        moved.reply
    }

    /// A process hears an answer, or nothing any more.
    pub(crate) fn hear(
        world: &mut World,
        order: usize,
        who: Who,
        system: usize,
        reply: Option<super::shelf::Reply>,
    ) {
        let Some(before) = *world.task(order, who) else {
            return;
        };
        let after = before.heard(system, reply);
        let selling = matches!(before.stage, Stage::Confirming | Stage::Following);
        let sold = after.is_some_and(|it| it.stage == Stage::Recording(Decision::Confirm));
        if selling && sold && before.role == Role::Request {
            // The answer does not wait for the record.
            world.tell(order, Told::Confirmed);
        }
        world.go_on(order, who, after);
    }

    /// A process makes its decision durable, and its client is told what the record says.
    pub(crate) fn record(&self, world: &mut World, order: usize, who: Who) {
        let Some(task) = *world.task(order, who) else {
            return;
        };
        let Stage::Recording(decision) = task.stage else {
            return;
        };
        let before = world.records[order];
        let (after, _) = self.rules.decide(before, task.attempt, decision);
        world.records[order] = after;
        if who == Who::Client && after.attempt == task.attempt {
            match after.phase {
                Phase::Confirmed => world.tell(order, Told::Confirmed),
                Phase::Refused => world.tell(order, Told::Refused),
                _ => {}
            }
        }
        let phase = if after.attempt == task.attempt {
            after.phase
        } else {
            Phase::None
        };
        world.go_on(order, who, task.recorded(decision, phase));
    }

    fn of_tasks(&self, world: &World, order: usize, actions: &mut Vec<Action>) {
        for who in [Who::Client, Who::Recovery] {
            let Some(task) = world.tasks[order][who as usize] else {
                continue;
            };
            actions.push(Action::Die(order, who));
            match task.stage {
                Stage::Reserving { begun: false, .. } => actions.push(Action::Begin(order)),
                Stage::Examining => {
                    actions.push(Action::Examine(order, Verdict::Clear));
                    actions.push(Action::Examine(order, Verdict::Refused));
                    actions.push(Action::Examine(order, Verdict::Failed));
                    if self.shape.review {
                        actions.push(Action::Examine(order, Verdict::Doubtful));
                    }
                }
                Stage::Recording(_) => actions.push(Action::Record(order, who)),
                _ => {}
            }
            for system in 0..task.systems {
                if task.asks(system).is_some() {
                    actions.push(Action::GiveUp(order, who, system));
                }
            }
        }
    }

    fn of_messages(&self, world: &World, order: usize, actions: &mut Vec<Action>) {
        for attempt in 1..=self.attempts() {
            for system in 0..self.shape.touches[order] {
                for verb in Verb::ALL {
                    let mut arrive = |heard_by| {
                        actions.push(Action::Arrive {
                            order,
                            attempt,
                            system,
                            verb,
                            heard_by,
                        });
                    };
                    if world.sent & bit(order, attempt, system, verb) != 0 {
                        arrive(None);
                    }
                    for who in [Who::Client, Who::Recovery] {
                        let waits = world.tasks[order][who as usize].is_some_and(|task| {
                            task.attempt == attempt && task.asks(system) == Some(verb)
                        });
                        if waits {
                            arrive(Some(who));
                        }
                    }
                }
            }
        }
    }

    /// Drops the messages that can do nothing any more. Whoever waits for the answer of one
    /// hears it all the same.
    fn forget(&self, world: &mut World) {
        for order in 0..self.shape.orders() {
            for attempt in 1..=self.attempts() {
                for system in 0..self.shape.touches[order] {
                    let over = match world.row(order, attempt, system).state() {
                        None => false,
                        Some(HoldState::Confirmed) => !self.shape.warehouse,
                        Some(state) => !state.is_open(),
                    };
                    for verb in Verb::ALL {
                        let sent = bit(order, attempt, system, verb);
                        if over && world.sent & sent != 0 {
                            let shelf = world.shelves[system];
                            let at = slot(order, attempt);
                            let moved = self.rules.move_hold(shelf, at, verb, system == 0);
                            if moved.shelf == shelf {
                                world.sent &= !sent;
                            }
                        }
                    }
                }
            }
        }
    }

    fn attempts(&self) -> u8 {
        u8::try_from(self.shape.attempts).expect("a few attempts")
    }

    /// The attempt that a client's next request makes, if it has reason to send one.
    fn next_attempt(&self, world: &World, order: usize) -> Option<u8> {
        let record = world.records[order];
        match record.phase {
            Phase::None => Some(1),
            Phase::Failed if record.attempt < self.attempts() => Some(record.attempt + 1),
            _ => None,
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            shelves: [Shelf::of(self.shape.units); SYSTEMS],
            records: [Record::NONE; ORDERS],
            tasks: [[None; 2]; ORDERS],
            sent: 0,
            told: [Told::Nothing; ORDERS],
            fates: [[Fate::Open; SYSTEMS]; ORDERS],
            broken: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_some() {
            return;
        }
        for order in 0..self.shape.orders() {
            let record = world.records[order];
            let [client, recovery] = world.tasks[order];
            if client.is_none() && self.next_attempt(world, order).is_some() {
                actions.push(Action::Place(order));
            }
            if client.is_none() && record.phase == Phase::Review {
                actions.push(Action::Decide(order, true));
                actions.push(Action::Decide(order, false));
            }
            if recovery.is_none() && record.phase.is_open() {
                actions.push(Action::Recover(order));
            }
            self.of_tasks(world, order, actions);
            self.of_messages(world, order, actions);
            for system in 0..self.shape.touches[order] {
                if self.shape.warehouse
                    && record.phase == Phase::Confirmed
                    && world.fates[order][system] == Fate::Open
                {
                    actions.push(Action::Settle(order, system, Fate::Ships));
                    actions.push(Action::Settle(order, system, Fate::CalledOff));
                }
            }
        }
        for system in 0..self.shape.systems() {
            for (at, row) in world.shelves[system].rows.into_iter().enumerate() {
                if matches!(row, Row::Kept { state, lapsed: false, .. } if state.is_open()) {
                    actions.push(Action::Lapse(system, at));
                }
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Place(order) => {
                let attempt = self.next_attempt(last, order)?;
                let task = Task {
                    flaw: self.shape.flaw,
                    ..Task::place(attempt, self.shape.touches[order])
                };
                world.go_on(order, Who::Client, Some(task));
            }
            Action::Begin(order) => {
                let task = last.tasks[order][Who::Client as usize]?;
                match self.rules.begin(last.records[order], task.attempt) {
                    Some(record) => {
                        world.records[order] = record;
                        world.go_on(order, Who::Client, Some(task.begun()));
                    }
                    None => world.go_on(order, Who::Client, None),
                }
            }
            Action::Examine(order, verdict) => {
                let task = last.tasks[order][Who::Client as usize]?;
                world.go_on(order, Who::Client, Some(task.examined(verdict)));
            }
            Action::Record(order, who) => self.record(&mut world, order, who),
            Action::Recover(order) => {
                let Record { phase, attempt } = last.records[order];
                world.go_on(
                    order,
                    Who::Recovery,
                    Task::recover(phase, attempt, self.shape.touches[order]),
                );
            }
            Action::Decide(order, approve) => {
                let task = Task::review(
                    approve,
                    last.records[order].attempt,
                    self.shape.touches[order],
                );
                world.go_on(order, Who::Client, Some(task));
            }
            Action::Settle(order, system, fate) => {
                world.fates[order][system] = fate;
                let verb = match fate {
                    Fate::CalledOff => Verb::Release,
                    _ => Verb::Ship,
                };
                world.sent |= bit(order, last.records[order].attempt, system, verb);
            }
            Action::Arrive {
                order,
                attempt,
                system,
                verb,
                heard_by,
            } => {
                let reply = self.arrive(&mut world, order, attempt, system, verb);
                if let Some(who) = heard_by {
                    Self::hear(&mut world, order, who, system, Some(reply));
                }
            }
            Action::GiveUp(order, who, system) => {
                Self::hear(&mut world, order, who, system, None);
            }
            Action::Die(order, who) => world.go_on(order, who, None),
            Action::Lapse(system, at) => world.shelves[system].lapse(at),
        }
        self.forget(&mut world);
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self.shape)
    }
}
