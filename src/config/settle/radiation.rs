//! The radiation portal in the lane, and whose its findings are.

use super::device::{Draft, find};
use super::{AgencyDraft, Settling, shared};
use crate::config::checked::Way;
use crate::config::choice::DeviceKind;
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::RadiationTable;
use crate::lane::radiation::Rules;

/// Reads [radiation].
pub(super) fn radiation(
    table: Placed<RadiationTable>,
    agencies: Option<&[AgencyDraft]>,
    way: Option<&Way>,
    devices: &mut [Draft],
    on: &mut Settling<'_>,
) -> Option<Rules> {
    let (header, table) = (table.span, table.value);
    if let Some(Way::Belt(_)) = way {
        let message = "holding subjects of a belt for radiation is not in this version";
        on.faults
            .add(codes::NOT_HERE, header, message, "remove it")
            .help("a device of kind `radiation` is recorded and alarms without it");
    }
    let portal = table.portal.as_ref().and_then(|name| {
        let found = find(&name.value.0, &name.span, devices, on)?;
        devices[found].used = true;
        let kind = devices[found].kind.as_ref()?;
        if kind.value != DeviceKind::Radiation {
            let message = format!("radiation cannot be found by a device of kind `{}`", kind.value.word());
            on.faults
                .add(codes::WRONG_KIND, name.span.clone(), message, "expected a device of kind `radiation`")
                .aside(kind.span.clone(), "its kind");
            return None;
        }
        Some(shared(devices[found].id.as_ref()?.value.as_str()))
    });
    let agency = table.agency.as_ref().and_then(|name| {
        super::station::agency(name, "radiation is held for by", agencies?, on)?;
        Some(shared(name.value.0.as_str()))
    });
    Some(Rules { portal: portal?, agency: agency?, required: table.required?.value })
}
