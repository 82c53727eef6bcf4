//! A coloured file that came finished, in a real browser: its own colours, and nothing computed from them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod screens_site;
mod site;

use std::collections::BTreeMap;

use browser::{Browser, SMALL, Turn};
use image::{ImageFormat, Rgb, RgbImage};
use portside::lane::ImageRef;
use portside::people::Role;
use screens_site::{PASSWORD, Pages, sight, subject};
use serde_json::{Value, json};

/// Patches of 20 pixels side by side, 40 high.
const PATCHES: [[u8; 3]; 6] =
    [[200, 30, 30], [20, 180, 60], [30, 60, 220], [250, 160, 0], [128, 128, 128], [255, 255, 255]];
const SIDE: u32 = 20;

fn png(patches: &[[u8; 3]]) -> Vec<u8> {
    let width = SIDE * u32::try_from(patches.len()).unwrap();
    let picture = RgbImage::from_fn(width, 2 * SIDE, |x, _| Rgb(patches[(x / SIDE) as usize]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// An officer's page at the desk of the first agency, in front of a subject whose only image lies in the evidence.
async fn desk(turn: &Turn, pages: &Pages, file: &[u8]) -> Browser {
    let id = pages.evidence.put(file).unwrap().sha256.to_string();
    pages.login_as("zhang.wei", 0, Role::Officer).await;
    let under_review = subject("i-1", &[&id], &pages.agencies, |_| "waiting");
    assert!(matches!(&under_review.image, Some(ImageRef { revision: 1, .. })));
    pages.publish(1, BTreeMap::from([(pages.agencies[0].clone(), sight(vec![under_review]))]));
    let page = Browser::start(turn, "zhang.wei", SMALL);
    page.open(&format!("https://{}/login", pages.host()));
    let status = page.run(
        "const [name, password] = arguments;
        const headers = { 'X-Portside': '1', 'Content-Type': 'application/json' };
        localStorage.setItem('portside.language', 'en');
        return fetch('/api/login', { method: 'POST', headers, body: JSON.stringify({ name, password }) }).then(answer => answer.status)",
        &[json!("zhang.wei"), json!(PASSWORD)],
    );
    assert_eq!(status, 200);
    page.open(&format!("https://{}/desk/xr1/{}", pages.host(), pages.agencies[0]));
    page.until("the image", "window.portside?.image?.ended && window.portside.pixel(0, 0, 0) !== null");
    if page.run("return document.documentElement.lang", &[]) != "en" {
        page.key("Shift+E");
    }
    page.until("English", "document.documentElement.lang === 'en'");
    page
}

/// What stands in the middle of each patch on the canvas, which shows all of the picture at four times its size.
fn patches(page: &Browser, count: usize) -> Vec<[u8; 3]> {
    let read = page.run(
        "const [count, side] = arguments;
        const canvas = document.getElementById('picture');
        portside.draw(true);
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
        copy.drawImage(canvas, 0, 0);
        const at = patch => copy.getImageData(canvas.width / 2 + 4 * side * (patch + 0.5 - count / 2), canvas.height / 2, 1, 1).data;
        return Array.from({ length: count }, (_, patch) => [...at(patch)].slice(0, 3))",
        &[json!(count), json!(SIDE)],
    );
    rgb(&read)
}

fn rgb(read: &Value) -> Vec<[u8; 3]> {
    serde_json::from_value(read.clone()).unwrap()
}

fn near(one: [u8; 3], other: [u8; 3], by: u8) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) <= by)
}

fn are_near(seen: &[[u8; 3]], wanted: &[[u8; 3]]) {
    let alike = seen.len() == wanted.len() && seen.iter().zip(wanted).all(|(seen, wanted)| near(*seen, *wanted, 1));
    assert!(alike, "{seen:?} is not {wanted:?}");
}

/// ITU-R BT.709.
fn luminance([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let light = 0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue);
    [light.round() as u8; 3]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coloured_file_keeps_its_colours_on_the_desk_and_no_material_is_told_of_it() {
    let Some(turn) = browser::turn() else { return };
    let pages = Pages::open(1).await;
    let mut page = desk(&turn, &pages, &png(&PATCHES)).await;
    let seen = || patches(&page, PATCHES.len());
    are_near(&seen(), &PATCHES);

    page.key("G");
    are_near(&seen(), &PATCHES.map(luminance));
    page.control("button", "Own colours").press();
    are_near(&seen(), &PATCHES);
    assert!(!page.has("button", "Materials"), "colours of somebody else are no materials");
    for (key, name) in
        [("O", "Organic"), ("M", "Metal"), ("H", "Hot"), ("J", "Rainbow"), ("Q", "Low pen."), ("W", "High pen.")]
    {
        page.key(key);
        are_near(&seen(), &PATCHES);
        let why = page.control("button", name).attribute("title").unwrap();
        assert!(why.contains("Rendered by the machine, without raw data."), "{name}: {why}");
    }

    // Light and invert change how bright it is, and leave the hue.
    page.key("I");
    let inverted = seen();
    are_near(&inverted[4..], &[[127; 3], [0; 3]]);
    let [red, green, blue] = inverted[0].map(f64::from);
    assert!(red > 1.05 * green && (green - blue).abs() <= 1.0, "red stays red: {:?}", inverted[0]);
    page.key("I");
    are_near(&seen(), &PATCHES);

    thumbnail_and_presentation(&page);
    page.is_quiet();
}

/// The small picture in the strip, and the one that other programs fetch.
fn thumbnail_and_presentation(page: &Browser) {
    let small = page.until(
        "a thumbnail",
        "(() => {
            const canvas = document.querySelector('#recall canvas');
            if (!canvas) return null;
            const width = canvas.width / 6;
            const at = patch => canvas.getContext('2d').getImageData(width * (patch + 0.5), canvas.height / 2, 1, 1).data;
            return [0, 1, 2, 3, 4, 5].map(patch => [...at(patch)].slice(0, 3));
        })()",
    );
    are_near(&rgb(&small), &PATCHES);
    let fetched = page.run(
        "const [side] = arguments;
        return fetch(`/api/image/${portside.image.id}/presentation.png`)
            .then(answer => answer.blob()).then(createImageBitmap).then(picture => {
                const copy = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
                copy.drawImage(picture, 0, 0);
                return [0, 1, 2, 3, 4, 5].map(patch => [...copy.getImageData(side * (patch + 0.5), side, 1, 1).data].slice(0, 3));
            })",
        &[json!(SIDE)],
    );
    assert_eq!(rgb(&fetched), PATCHES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grey_file_that_is_stored_as_colours_is_given_none() {
    let Some(turn) = browser::turn() else { return };
    let greys = [40, 90, 140, 190].map(|grey| [grey; 3]);
    let pages = Pages::open(1).await;
    let mut page = desk(&turn, &pages, &png(&greys)).await;
    are_near(&patches(&page, greys.len()), &greys);
    assert!(page.control("button", "Materials").attribute("aria-disabled").is_some(), "a grey file has no colour");
    assert!(!page.has("button", "Own colours"));
    page.key("C");
    are_near(&patches(&page, greys.len()), &greys);
    page.is_quiet();
}
