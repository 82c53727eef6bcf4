//! The gate behaves as a gate does.

use super::*;

const fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn coil(gate: &mut Gate, now: u64, address: u16, on: bool) {
    let request = Request::WriteCoils { start: address, bits: vec![on] };
    assert_eq!(gate.answer(at(now), 1, &request), Some(Response::Written));
}

fn renew(gate: &mut Gate, now: u64, count: u16) {
    let request = Request::WriteRegisters { start: 0, words: vec![count] };
    assert_eq!(gate.answer(at(now), 1, &request), Some(Response::Written));
}

fn pulse(gate: &mut Gate, now: u64, address: u16) {
    coil(gate, now, address, true);
    coil(gate, now + 100, address, false);
}

/// Opened at 0 s with a vehicle driving towards it.
fn opened(manner: Manner) -> Gate {
    let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
    gate.send(manner, 4.5, 3.0);
    gate.step(at(5_000));
    pulse(&mut gate, 5_000, 0);
    gate
}

#[test]
fn the_arm_takes_its_travel_and_its_switches_tell_the_ends() {
    let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
    let read = Request::Read { table: Table::Discrete, start: 0, count: 2 };
    assert_eq!(gate.answer(at(0), 1, &read), Some(Response::Bits(vec![false, true])));
    pulse(&mut gate, 0, 0);
    assert_eq!(gate.answer(at(1_000), 1, &read), Some(Response::Bits(vec![false, false])));
    assert_eq!(gate.answer(at(2_100), 1, &read), Some(Response::Bits(vec![true, false])));
}

#[test]
fn a_driver_waits_for_the_arm_is_seen_by_each_sensor_in_turn_and_leaves() {
    let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
    gate.send(Manner::Pass, 4.5, 3.0);
    gate.step(at(30_000));
    assert_eq!(gate.view().sensors, [true, false, false], "waits at the closed arm");
    pulse(&mut gate, 30_000, 0);
    let mut seen = Vec::new();
    for tenth in 300..450 {
        gate.step(at(tenth * 100));
        if seen.last() != Some(&gate.view().sensors) {
            seen.push(gate.view().sensors);
        }
    }
    let (no, yes) = (false, true);
    assert_eq!(
        seen,
        [[yes, no, no], [yes, yes, no], [yes, yes, yes], [no, yes, yes], [no, no, yes], [no, no, no]],
        "one after the other, never a gap"
    );
    assert_eq!((gate.view().passed, gate.view().struck), (1, 0));
}

#[test]
fn a_close_on_a_vehicle_under_the_arm_is_counted_as_a_strike() {
    let mut gate = opened(Manner::StopUnder(Duration::from_secs(3_600)));
    gate.step(at(12_000));
    assert!(gate.view().sensors[1]);
    pulse(&mut gate, 12_000, 2);
    gate.step(at(20_000));
    assert_eq!((gate.view().struck, gate.view().closings), (1, 1));
}

#[test]
fn a_stop_in_time_prevents_the_strike() {
    let mut gate = opened(Manner::StopUnder(Duration::from_secs(3_600)));
    gate.step(at(12_000));
    pulse(&mut gate, 12_000, 2);
    pulse(&mut gate, 12_200, 1);
    gate.step(at(20_000));
    assert_eq!(gate.view().struck, 0);
    assert!(gate.view().arm > TOUCHES);
}

#[test]
fn a_held_close_dies_half_a_second_after_its_last_renewal() {
    let mut gate = Gate::new(GateSetup::new(Closes::Held));
    gate.place_arm(1.0);
    renew(&mut gate, 100, 1);
    coil(&mut gate, 100, 2, true);
    for count in 2..8 {
        renew(&mut gate, u64::from(count) * 100, count);
    }
    gate.step(at(1_150));
    assert!(gate.view().closing, "renewed at 700 ms");
    gate.step(at(1_205));
    assert!(!gate.view().closing);
    renew(&mut gate, 1_300, 9);
    gate.step(at(1_400));
    assert!(!gate.view().closing, "a renewal does not bring a dropped request back");
}

#[test]
fn buttons_act_without_the_module() {
    let mut gate = Gate::new(GateSetup::new(Closes::Held));
    gate.press(Button::EmergencyOpen, true);
    gate.step(at(1_000));
    assert!(gate.view().opening);
    gate.press(Button::Stop, true);
    gate.step(at(1_100));
    assert!(!gate.view().opening && gate.view().arm < 1.0);
}

#[test]
fn arm_faults_show_as_they_would_at_a_lane() {
    for (fault, arm, limits) in [
        (ArmFault::Jammed, 0.0, [false, true]),
        (ArmFault::OpenWelded, 1.0, [true, false]),
        (ArmFault::ForcedUp, 1.0, [true, false]),
        (ArmFault::BothLimits, 0.0, [true, true]),
        (ArmFault::NoLimits, 0.0, [false, false]),
    ] {
        let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
        gate.fail_arm(fault);
        if fault == ArmFault::Jammed {
            pulse(&mut gate, 0, 0);
        }
        let read = Request::Read { table: Table::Discrete, start: 0, count: 2 };
        assert_eq!(gate.answer(at(3_000), 1, &read), Some(Response::Bits(limits.to_vec())), "{fault:?}");
        assert!((gate.view().arm - arm).abs() < 1e-9, "{fault:?}");
    }
}

#[test]
fn drivers_turn_back_come_the_wrong_way_and_follow_without_waiting() {
    let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
    gate.send(Manner::TurnBack(Duration::from_secs(5)), 4.5, 3.0);
    gate.step(at(30_000));
    assert_eq!((gate.view().returned, gate.view().passed), (1, 0));

    let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
    gate.place_arm(1.0);
    gate.send(Manner::WrongWay, 4.5, 3.0);
    gate.step(at(30_000));
    assert_eq!(gate.view().returned, 1, "left on the near side");

    let mut gate = opened(Manner::Pass);
    gate.send(Manner::Tailgate, 4.5, 3.0);
    gate.step(at(40_000));
    assert_eq!(gate.view().passed, 2);
}

#[test]
fn sensors_lie_as_they_are_told_to() {
    let mut gate = Gate::new(GateSetup::new(Closes::Pulse));
    gate.fail_sensor(Spot::Under, SensorFault::StuckOn);
    gate.fail_sensor(Spot::Beyond, SensorFault::Flickers);
    gate.step(at(1_000));
    assert_eq!(gate.view().sensors, [false, true, true]);
    gate.step(at(1_100));
    assert_eq!(gate.view().sensors, [false, true, false]);
}
