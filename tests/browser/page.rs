//! What a person does to a page: finds a control by its role and its name, presses it, types, points.

use serde_json::{Value, json};

use super::Browser;
use crate::site::{until, wait};

/// The id under which WebDriver passes elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A control that assistive technology would find too.
pub struct Control<'a> {
    browser: &'a Browser,
    role: String,
    name: String,
    element: Value,
}

/// What the pointer does, one after the other.
#[derive(Clone, Copy, Debug)]
pub enum Pointer {
    /// To this place of the window.
    To(f64, f64),
    Press,
    Lift,
}

impl Browser {
    /// Waits for the control of this ARIA role and accessible name.
    pub fn control(&self, role: &str, name: &str) -> Control<'_> {
        let element = wait(|| self.seek(role, name));
        let element = element.unwrap_or_else(|| {
            panic!("{}'s page has no {role} {name:?}, but {:?}\n{}", self.name, self.names(role), self.text())
        });
        Control { browser: self, role: role.to_owned(), name: name.to_owned(), element }
    }

    /// Whether there is such a control at this moment.
    pub fn has(&self, role: &str, name: &str) -> bool {
        self.seek(role, name).is_some()
    }

    /// The names of all controls of a role.
    pub fn names(&self, role: &str) -> Vec<String> {
        let nodes = self.tree(&json!({ "role": role }));
        nodes.iter().filter_map(|node| node["name"]["value"].as_str().map(str::to_owned)).collect()
    }

    /// The browser's own accessibility tree is asked, so that a name is what a screen reader would say.
    fn tree(&self, of: &Value) -> Vec<Value> {
        let Ok(document) = self.session.devtools("DOM.getDocument", &json!({ "depth": 0 })) else { return Vec::new() };
        let mut query = of.clone();
        query["nodeId"] = document["root"]["nodeId"].clone();
        let Ok(found) = self.session.devtools("Accessibility.queryAXTree", &query) else { return Vec::new() };
        let nodes = found["nodes"].as_array().cloned().unwrap_or_default();
        nodes.into_iter().filter(|node| node["ignored"] != true).collect()
    }

    fn seek(&self, role: &str, name: &str) -> Option<Value> {
        let nodes = self.tree(&json!({ "role": role, "accessibleName": name }));
        let node = nodes.first()?["backendDOMNodeId"].clone();
        let object = self.session.devtools("DOM.resolveNode", &json!({ "backendNodeId": node })).ok()?;
        let keep = json!({ "objectId": object["object"]["objectId"],
            "functionDeclaration": "function() { globalThis.__control = this; }" });
        self.session.devtools("Runtime.callFunctionOn", &keep).ok()?;
        let body = json!({ "script": "return globalThis.__control", "args": [] });
        let element = self.session.command("execute/sync", &body).ok()?;
        element[ELEMENT].is_string().then_some(element)
    }

    /// Presses keys as one does without looking at a field, such as `"w"` or `"Escape"`; `"Shift+E"` holds the first.
    pub fn key(&self, keys: &str) {
        // A capital letter holds the Shift key down, for WebDriver.
        let small = if keys.chars().count() == 1 { keys.to_lowercase() } else { keys.to_owned() };
        let codes: Vec<String> = small.split('+').map(code).collect();
        let down = codes.iter().map(|key| json!({ "type": "keyDown", "value": key }));
        let up = codes.iter().rev().map(|key| json!({ "type": "keyUp", "value": key }));
        let actions: Vec<Value> = down.chain(up).collect();
        self.command("actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// Types text into whatever has the focus.
    pub fn types(&self, text: &str) {
        self.devtools("Input.insertText", &json!({ "text": text }));
    }

    /// Moves and presses the pointer.
    pub fn pointer(&self, moves: &[Pointer]) {
        let step = |one: &Pointer| match one {
            Pointer::To(x, y) => {
                json!({ "type": "pointerMove", "x": x.round() as i64, "y": y.round() as i64, "duration": 40 })
            }
            Pointer::Press => json!({ "type": "pointerDown", "button": 0 }),
            Pointer::Lift => json!({ "type": "pointerUp", "button": 0 }),
        };
        let actions: Vec<Value> = moves.iter().map(step).collect();
        self.command(
            "actions",
            &json!({ "actions": [{ "type": "pointer", "id": "mouse",
            "parameters": { "pointerType": "mouse" }, "actions": actions }] }),
        );
    }

    /// Turns the wheel at a place; away from oneself is negative.
    pub fn wheel(&self, x: f64, y: f64, turns: i64) {
        let scroll = json!({ "type": "scroll", "x": x.round() as i64, "y": y.round() as i64, "deltaX": 0,
            "deltaY": turns * 120 });
        self.command("actions", &json!({ "actions": [{ "type": "wheel", "id": "wheel", "actions": [scroll] }] }));
    }
}

impl Control<'_> {
    /// Presses it with the pointer. WebDriver refuses where something else lies over it.
    pub fn press(&self) {
        let said = until(&format!("{} {:?} to be there to press", self.role, self.name), || {
            let (browser, id) = (self.browser, self.element[ELEMENT].as_str()?);
            Some(browser.session.command(&format!("element/{id}/click"), &json!({})).map_err(|refused| refused.0))
        });
        said.unwrap_or_else(|why| panic!("{}: {} {:?}: {why}", self.browser.name, self.role, self.name));
    }

    /// Presses it twice as fast as can be.
    pub fn press_twice(&self) {
        let (x, y) = self.middle();
        self.browser.pointer(&[Pointer::To(x, y), Pointer::Press, Pointer::Lift, Pointer::Press, Pointer::Lift]);
    }

    /// Puts `text` in place of what it holds.
    pub fn fill(&self, text: &str) {
        self.browser.run("arguments[0].focus(); arguments[0].select?.()", std::slice::from_ref(&self.element));
        self.browser.types(text);
    }

    /// Chooses what a list offers under this name.
    pub fn choose(&self, option: &str) {
        let script = "return [...arguments[0].options].find(option => option.text === arguments[1]) ?? null";
        let found = self.browser.run(script, &[self.element.clone(), json!(option)]);
        let id = found[ELEMENT].as_str().unwrap_or_else(|| panic!("{} {:?} has no {option:?}", self.role, self.name));
        self.browser.command(&format!("element/{id}/click"), &json!({}));
    }

    /// Waits until it can be pressed.
    pub fn is_ready(&self) {
        until(&format!("{} {:?} to be ready at {}'s page", self.role, self.name, self.browser.name), || {
            self.is_on().then_some(())
        });
    }

    /// Whether it can be pressed.
    pub fn is_on(&self) -> bool {
        let script = "return !arguments[0].disabled && arguments[0].getAttribute('aria-disabled') !== 'true'";
        self.browser.run(script, std::slice::from_ref(&self.element)) == true
    }

    /// What it shows.
    pub fn text(&self) -> String {
        let script = "return arguments[0].value ?? arguments[0].innerText";
        self.browser.run(script, std::slice::from_ref(&self.element)).as_str().unwrap_or_default().to_owned()
    }

    /// An attribute of it.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let value =
            self.browser.run("return arguments[0].getAttribute(arguments[1])", &[self.element.clone(), json!(name)]);
        value.as_str().map(str::to_owned)
    }

    /// Left, top, width and height in the window.
    pub fn place(&self) -> [f64; 4] {
        let script = "const r = arguments[0].getBoundingClientRect(); return [r.left, r.top, r.width, r.height]";
        let place = self.browser.run(script, std::slice::from_ref(&self.element));
        std::array::from_fn(|side| place[side].as_f64().unwrap())
    }

    pub fn middle(&self) -> (f64, f64) {
        let [left, top, width, height] = self.place();
        (left + width / 2.0, top + height / 2.0)
    }
}

/// WebDriver's names of keys that are no letters.
fn code(key: &str) -> String {
    let code = match key {
        "Enter" => '\u{e007}',
        "Tab" => '\u{e004}',
        "Escape" => '\u{e00c}',
        "Shift" => '\u{e008}',
        "Control" => '\u{e009}',
        "Backspace" => '\u{e003}',
        "Delete" => '\u{e017}',
        "Left" => '\u{e012}',
        "Up" => '\u{e013}',
        "Right" => '\u{e014}',
        "Down" => '\u{e015}',
        "PageUp" => '\u{e00e}',
        "PageDown" => '\u{e00f}',
        "Plus" => '+',
        "Space" => ' ',
        one => return one.to_owned(),
    };
    code.to_string()
}
