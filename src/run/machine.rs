//! The lane's machine and its interlock, as the lane file says and as the last run left them.

use std::sync::Arc;

use super::recollection;
use crate::clock::Clock;
use crate::config::{Config, Way};
use crate::control::devices::{Mover, Movers};
use crate::control::machine::Machine;
use crate::journal::{Journal, Seals};
use crate::lane::belt::{self, Belt};
use crate::lane::{Ids, Interlock, Lane, recall};

/// Younger inspections than this many are looked through for one that was open.
const RECALLED_MAX: usize = 8;
/// On a belt and beside it more may be open.
const BELT_RECALLED_MAX: usize = 256;

/// The machine, with everything that was open when the last run ended.
pub(super) async fn begin(config: &Config, journal: &Journal, seals: &Arc<Seals>, clock: Clock) -> Machine {
    let most = if config.belt().is_some() { BELT_RECALLED_MAX } else { RECALLED_MAX };
    let recollection = recollection::recall(journal, seals, most).await;
    let (machine, open) = match (config.settings(), config.belt_settings()) {
        (Some(settings), _) => {
            let mut interlock = Interlock::new(&settings);
            for found in &recollection.records {
                interlock.recall(&found.kind, &found.subject);
            }
            let recalled = recall::fold(&settings, recollection.memories());
            let open: Vec<_> = recalled.inspection().cloned().into_iter().collect();
            let lane = Lane::restore(settings, ids(clock), recalled);
            (Machine::Gate { lane: Box::new(lane), interlock: Box::new(interlock) }, open)
        }
        (None, Some(settings)) => {
            let interlock = belt::Interlock::new(&settings);
            let recalled = belt::recall::fold(&settings, recollection.memories());
            let open: Vec<_> = recalled.inspections().cloned().collect();
            let lane = Belt::restore(settings, ids(clock), recalled);
            (Machine::Belt { lane: Box::new(lane), interlock: Box::new(interlock) }, open)
        }
        (None, None) => unreachable!("a lane is a gate or has a belt"),
    };
    for inspection in &open {
        tracing::info!(%inspection, "going on with an inspection that was open");
    }
    if recollection.whole {
        recollection::erase_old_keys(seals, open);
    }
    machine
}

/// What orders go to.
pub(super) fn movers(config: &Config) -> Movers {
    match &config.way {
        Way::Gate(gate) => Movers::Barrier(mover(config, gate.arm)),
        Way::Belt(belt) => Movers::Belt {
            drive: mover(config, belt.drive),
            diverter: belt.diverter.as_ref().map(|diverter| mover(config, diverter.device)),
        },
    }
}

fn mover(config: &Config, device: usize) -> Mover {
    let on = config.devices[device].modbus();
    let on = on.unwrap_or_else(|| unreachable!("the lane file's check takes no folder for what moves"));
    Mover { device, profile: on.profile.clone(), link: on.link }
}

/// Inspection ids: UUIDv7, so that they sort by time.
fn ids(clock: Clock) -> Ids {
    Box::new(move || {
        let now = clock.wall();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.subsec_nanosecond().unsigned_abs());
        uuid::Uuid::new_v7(time).to_string().into()
    })
}
