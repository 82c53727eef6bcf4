use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ROOM: Room = Room { free: 100, reserved: 12 };
const AT: Moment = Moment::START;

fn span(stream: &str, newest: u64) -> Span {
    Span { stream: stream.into(), oldest: 1, newest, retired: 0 }
}

fn order(spans: &[Span]) -> Order {
    let mut order = Order::new("eport/v1/P/L/stream/".len(), Duration::from_secs(5));
    order.grown(spans);
    order.begin(10_000);
    order
}

fn bytes(sequence: u64) -> Bytes {
    Bytes::from(sequence.to_string())
}

/// Gives the order every record it wants.
fn feed(order: &mut Order, now: Moment) {
    while let Some(wanted) = order.wanted() {
        let head = order.streams[wanted.stream].head;
        let last = head.min(wanted.from + wanted.records as u64 - 1);
        let records = (wanted.from..=last).map(|sequence| Stored { sequence, bytes: bytes(sequence) }).collect();
        order.fetched(&wanted, Ok(records), now);
    }
}

fn send(order: &mut Order, now: Moment, room: Room) -> Option<(String, u64, Ticket)> {
    feed(order, now);
    let choice = order.choose(now, room);
    if choice.is_none() {
        feed(order, now); // a hold may have ended just then
    }
    match choice.or_else(|| order.choose(now, room))? {
        Choice::Send(ticket, _) => Some((order.name(ticket.stream).to_owned(), ticket.sequence, ticket)),
        Choice::SetAside { .. } => panic!("nothing here is too large"),
    }
}

fn sent_names(order: &mut Order, count: usize) -> Vec<String> {
    (0..count).map_while(|_| send(order, AT, ROOM)).map(|(name, sequence, _)| format!("{name} {sequence}")).collect()
}

fn waiting(order: &Order, stream: &str) -> Option<Waiting> {
    order.backlog().find(|(name, _, _)| &***name == stream).and_then(|(_, _, waiting)| waiting)
}

fn owed(order: &Order, stream: &str) -> u64 {
    order.backlog().find(|(name, _, _)| &***name == stream).map_or(0, |(_, owed, _)| owed)
}

#[test]
fn streams_go_by_urgency_and_each_in_its_own_order() {
    let names = ["telemetry", "audit", "device", "agency-ciq", "inspection", "alarm"];
    let mut order = order(&names.map(|name| span(name, 2)));
    assert_eq!(
        sent_names(&mut order, 99),
        [
            "alarm 1",
            "alarm 2",
            "inspection 1",
            "inspection 2",
            "agency-ciq 1",
            "agency-ciq 2",
            "device 1",
            "device 2",
            "audit 1",
            "audit 2",
            "telemetry 1",
            "telemetry 2",
        ]
    );
}

#[test]
fn agencies_take_turns_so_that_one_backlog_does_not_starve_the_other() {
    let mut order = order(&[span("agency-ciq", 100), span("agency-customs", 2)]);
    assert_eq!(
        sent_names(&mut order, 5),
        ["agency-ciq 1", "agency-customs 1", "agency-ciq 2", "agency-customs 2", "agency-ciq 3"]
    );
}

#[test]
fn an_alarm_overtakes_a_telemetry_backlog_at_the_next_free_place() {
    let mut order = order(&[span("telemetry", 1_000_000)]);
    assert_eq!(sent_names(&mut order, 2), ["telemetry 1", "telemetry 2"]);
    order.grown(&[span("alarm", 1)]);
    assert_eq!(sent_names(&mut order, 2), ["alarm 1", "telemetry 3"]);
}

#[test]
fn the_last_places_of_the_window_are_for_alarms_and_inspections() {
    let mut order = order(&[span("telemetry", 10), span("device", 10)]);
    let full = Room { free: 12, reserved: 12 };
    assert_eq!(send(&mut order, AT, full), None);
    order.grown(&[span("inspection", 1), span("alarm", 1)]);
    assert_eq!(send(&mut order, AT, full).map(|sent| sent.0).as_deref(), Some("alarm"));
    assert_eq!(send(&mut order, AT, full).map(|sent| sent.0).as_deref(), Some("inspection"));
    assert_eq!(send(&mut order, AT, full), None);
    order.grown(&[span("alarm", 2)]);
    assert_eq!(send(&mut order, AT, Room { free: 0, reserved: 12 }), None);
}

#[test]
fn a_record_is_retired_when_it_and_all_before_it_are_taken() {
    let mut order = order(&[span("alarm", 3)]);
    let tickets: Vec<_> = (0..3).filter_map(|_| send(&mut order, AT, ROOM)).map(|sent| sent.2).collect();
    order.answered(tickets[2], Answer::Taken, AT);
    order.answered(tickets[1], Answer::Taken, AT);
    assert_eq!(order.take_retired(), []);
    assert_eq!(owed(&order, "alarm"), 3);
    order.answered(tickets[0], Answer::Taken, AT);
    assert_eq!(order.take_retired(), [("alarm".into(), 3)]);
    assert_eq!(order.take_retired(), []);
    assert_eq!(owed(&order, "alarm"), 0);
}

#[test]
fn a_new_connection_begins_at_the_oldest_owed_record_and_ignores_old_answers() {
    let mut order = order(&[span("alarm", 3)]);
    let tickets: Vec<_> = (0..3).filter_map(|_| send(&mut order, AT, ROOM)).map(|sent| sent.2).collect();
    order.answered(tickets[0], Answer::Taken, AT);
    order.answered(tickets[2], Answer::Taken, AT);
    order.begin(10_000);
    order.answered(tickets[1], Answer::Taken, AT);
    assert_eq!(sent_names(&mut order, 9), ["alarm 2", "alarm 3"]);
    assert_eq!(order.take_retired(), [("alarm".into(), 1)]);
}

#[test]
fn a_record_that_nobody_hears_stays_owed_and_is_tried_alone_after_a_while() {
    let mut order = order(&[span("alarm", 4), span("telemetry", 1)]);
    let tickets: Vec<_> = (0..3).filter_map(|_| send(&mut order, AT, ROOM)).map(|sent| sent.2).collect();
    order.answered(tickets[0], Answer::Unheard, AT);
    order.answered(tickets[1], Answer::Taken, AT); // somebody subscribed in between: a whole pass follows all the same
    assert_eq!(waiting(&order, "alarm"), Some(Waiting::NoSubscriber));
    assert_eq!(sent_names(&mut order, 9), ["telemetry 1"], "other streams go on");
    assert_eq!(send(&mut order, Moment::from_millis(4_999), ROOM), None);

    let later = Moment::from_millis(5_000);
    let (_, sequence, trial) = send(&mut order, later, ROOM).unwrap();
    assert_eq!(sequence, 1);
    assert_eq!(send(&mut order, later, ROOM), None, "one record alone finds out");
    order.answered(trial, Answer::Taken, later);
    assert_eq!(waiting(&order, "alarm"), None);
    assert_eq!(sent_names(&mut order, 9), ["alarm 2", "alarm 3", "alarm 4"]);
}

#[test]
fn an_answer_to_an_earlier_pass_says_nothing_about_this_one() {
    let mut order = order(&[span("alarm", 3)]);
    let old: Vec<_> = (0..3).filter_map(|_| send(&mut order, AT, ROOM)).map(|sent| sent.2).collect();
    order.answered(old[0], Answer::Unheard, AT);
    let later = Moment::from_millis(5_000);
    let (_, _, trial) = send(&mut order, later, ROOM).unwrap();
    order.answered(trial, Answer::Taken, later);
    assert_eq!(sent_names(&mut order, 9), ["alarm 2", "alarm 3"]);
    order.answered(old[1], Answer::Taken, later);
    assert_eq!(owed(&order, "alarm"), 2, "what was taken out of turn is taken again in turn");
    order.answered(old[2], Answer::Unheard, later);
    assert_eq!(waiting(&order, "alarm"), None);
}

#[test]
fn a_stream_that_the_broker_refuses_waits_longer_each_time_up_to_a_minute() {
    let mut order = order(&[span("device", 5)]);
    let mut now = AT;
    let mut waits = Vec::new();
    for _ in 0..8 {
        let (_, sequence, ticket) = send(&mut order, now, ROOM).unwrap();
        assert_eq!(sequence, 1);
        order.answered(ticket, Answer::Refused("QuotaExceeded".into()), now);
        let start = now;
        while send_is_held(&mut order, now) {
            now = now + Duration::from_secs(1);
        }
        waits.push(now.since(start).as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
}

fn send_is_held(order: &mut Order, now: Moment) -> bool {
    order.streams[0].end_hold(now);
    matches!(order.streams[0].pace, Pace::Held { .. })
}

#[test]
fn a_record_too_large_waits_for_its_note_and_then_lets_the_others_pass() {
    let mut order = order(&[span("telemetry", 3), span("alarm", 1)]);
    let limit = packet_size("eport/v1/P/L/stream/telemetry".len(), RECORD_TYPE.len(), 100);
    order.begin(limit);
    let fits_not = Stored { sequence: 2, bytes: vec![b'x'; 101].into() };
    let fits = |sequence| Stored { sequence, bytes: vec![b'x'; 100].into() };
    let give = |order: &mut Order| {
        while let Some(wanted) = order.wanted() {
            let records = match &*wanted.name {
                "alarm" => vec![fits(1)],
                _ => vec![fits(1), fits_not.clone(), fits(3)],
            };
            order.fetched(&wanted, Ok(records), AT);
        }
    };
    give(&mut order);
    let Some(Choice::Send(alarm, _)) = order.choose(AT, ROOM) else { panic!("the alarm fits") };
    let Some(Choice::Send(first, _)) = order.choose(AT, ROOM) else { panic!("the first fits") };
    let aside = Choice::SetAside { stream: "telemetry".into(), sequence: 2, size: limit + 1 };
    assert_eq!(order.choose(AT, ROOM), Some(aside.clone()));
    assert_eq!(order.choose(AT, ROOM), None);
    order.answered(alarm, Answer::Taken, AT);
    order.answered(first, Answer::Taken, AT);
    assert_eq!(waiting(&order, "telemetry"), Some(Waiting::TooLarge));
    assert_eq!(order.choose(Moment::from_millis(30_000), ROOM), Some(aside), "offered again until it is noted");
    order.noted("telemetry", 3);
    assert_eq!(order.choose(AT, ROOM), None, "a note about another record does not help");
    order.noted("telemetry", 2);
    let Some(Choice::Send(third, _)) = order.choose(AT, ROOM) else { panic!("the third fits") };
    assert_eq!(third.sequence, 3);
    order.answered(third, Answer::Taken, AT);
    order.take_retired();
    assert_eq!(owed(&order, "telemetry"), 0);
}

#[test]
fn records_that_the_journal_let_go_are_passed_over() {
    let mut order = order(&[span("telemetry", 9)]);
    let wanted = order.wanted().unwrap();
    let left = [7, 8, 9].map(|sequence| Stored { sequence, bytes: bytes(sequence) });
    order.fetched(&wanted, Ok(left.to_vec()), AT);
    assert_eq!(order.wanted(), None);
    for expected in [7, 8, 9] {
        let (_, sequence, ticket) = send(&mut order, AT, ROOM).unwrap();
        assert_eq!(sequence, expected);
        order.answered(ticket, Answer::Taken, AT);
    }
    assert_eq!(owed(&order, "telemetry"), 0);
}

#[test]
fn a_whole_batch_of_damaged_records_is_passed_over() {
    let mut order = order(&[span("device", 600)]);
    let wanted = order.wanted().unwrap();
    order.fetched(&wanted, Ok(Vec::new()), AT);
    let next = order.wanted().unwrap();
    assert_eq!(next.from, 513);
    order.fetched(&next, Ok(Vec::new()), AT);
    assert!(matches!(waiting(&order, "device"), Some(Waiting::Unreadable(_))));
}

#[test]
fn a_stream_that_cannot_be_read_says_so_and_is_read_again_after_a_second() {
    let mut order = order(&[span("audit", 1)]);
    let wanted = order.wanted().unwrap();
    order.fetched(&wanted, Err("segment 3 is damaged".into()), AT);
    assert_eq!(waiting(&order, "audit"), Some(Waiting::Unreadable("segment 3 is damaged".into())));
    assert_eq!(order.wanted(), None);
    let later = Moment::from_millis(1_000);
    assert_eq!(order.choose(later, ROOM), None);
    assert!(send(&mut order, later, ROOM).is_some());
}

#[test]
fn what_is_read_ahead_is_bounded_by_records_and_bytes() {
    let mut order = order(&[span("telemetry", 1_000_000)]);
    feed(&mut order, AT);
    assert_eq!(order.streams[0].buffer.len(), BATCH_RECORDS);
    order.begin(1_000_000);
    let wanted = order.wanted().unwrap();
    assert_eq!(wanted.bytes, BATCH_BYTES);
    let large = Stored { sequence: 1, bytes: vec![0; BATCH_BYTES].into() };
    order.fetched(&wanted, Ok(vec![large]), AT);
    assert_eq!(order.wanted(), None, "one large record is enough at hand");
}

/// One thing that happens to the model's world.
#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Send,
    /// Answer the message that is this far from the front of those in flight.
    Answer(usize, u8),
    Cut,
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_usize).prop_map(Step::Append),
        8 => Just(Step::Send),
        6 => (0..4_usize, 0..20_u8).prop_map(|(place, answer)| Step::Answer(place, answer)),
        1 => Just(Step::Cut),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    /// Against a plain model of a broker: nothing is retired that the broker did not take; each stream's records
    /// reach it for the first time in order; and once the world calms down, everything has been taken.
    #[test]
    fn whatever_happens_every_record_is_taken_and_first_sent_in_order(steps in steps()) {
        let names = ["alarm", "agency-ciq", "agency-customs", "telemetry"];
        let mut order = order(&names.map(|name| span(name, 0)));
        let mut heads = [0_u64; 4];
        let mut first_sent: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut taken: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut flying: Vec<(String, u64, Ticket)> = Vec::new();
        let mut now = AT;
        let calm = (0..4000).flat_map(|_| [Step::Send, Step::Answer(0, 0)]);
        let settle = std::iter::once(Step::Wait).chain(calm);
        for step in steps.into_iter().chain(settle) {
            match step {
                Step::Append(stream) => {
                    heads[stream] += 1;
                    order.grown(&[span(names[stream], heads[stream])]);
                }
                Step::Send => {
                    let room = Room { free: 8_usize.saturating_sub(flying.len()), reserved: 1 };
                    if let Some((name, sequence, ticket)) = send(&mut order, now, room) {
                        let firsts = first_sent.entry(name.clone()).or_default();
                        if !firsts.contains(&sequence) {
                            firsts.push(sequence);
                        }
                        flying.push((name, sequence, ticket));
                    }
                }
                Step::Answer(place, answer) => {
                    if flying.is_empty() {
                        continue;
                    }
                    let (name, sequence, ticket) = flying.remove(place.min(flying.len() - 1));
                    let answer = match answer {
                        1 => Answer::Unheard,
                        2 => Answer::Refused("QuotaExceeded".into()),
                        _ => {
                            taken.entry(name).or_default().push(sequence);
                            Answer::Taken
                        }
                    };
                    order.answered(ticket, answer, now);
                }
                Step::Cut => {
                    flying.clear();
                    order.begin(10_000);
                }
                Step::Wait => now = now + Duration::from_secs(61),
            }
            for (stream, up_to) in order.take_retired() {
                let taken = taken.get(&*stream).cloned().unwrap_or_default();
                prop_assert!((1..=up_to).all(|sequence| taken.contains(&sequence)), "{stream} {up_to} {taken:?}");
            }
        }
        for (place, name) in names.iter().enumerate() {
            let firsts = first_sent.get(*name).cloned().unwrap_or_default();
            prop_assert_eq!(firsts, (1..=heads[place]).collect::<Vec<_>>(), "first sent in order: {}", name);
            prop_assert_eq!(owed(&order, name), 0, "{}", name);
        }
    }
}
