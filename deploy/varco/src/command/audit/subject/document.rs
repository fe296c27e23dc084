//! Text over as many A4 pages as it needs, as a PDF 1.7 document with numbered pages.
//!
//! Two of the fourteen standard fonts in `WinAnsiEncoding`, so that nothing is embedded. A block
//! stays on one page where it fits on one.

use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use super::font;

/// Lines that belong together.
#[derive(Clone, Debug, Default)]
pub struct Block {
    lines: Vec<Line>,
}

/// A line of at most [`WIDTH`] points.
#[derive(Clone, Debug)]
struct Line {
    style: Style,
    text: String,
}

/// How a line is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The title of the document.
    Title,
    /// The head of a block.
    Head,
    /// Running text.
    Text,
}

impl Block {
    /// Adds a text, over as many lines as it needs.
    pub fn push(&mut self, style: Style, text: &str) {
        // Bold letters are wider than those that are measured.
        let width = if style == Style::Text {
            WIDTH
        } else {
            WIDTH * 0.9
        };
        let lines = font::wrap(text, style.size(), width);
        let lines = lines.into_iter().map(|text| Line { style, text });
        self.lines.extend(lines);
    }

    fn height(&self) -> f32 {
        let lines = self.lines.iter().map(|line| line.style.leading());
        lines.sum::<f32>() + GAP
    }
}

impl Style {
    fn size(self) -> f32 {
        match self {
            Self::Title => 15.0,
            Self::Head => 9.5,
            Self::Text => 9.0,
        }
    }

    fn leading(self) -> f32 {
        self.size() * 1.3
    }

    fn font(self) -> Name<'static> {
        match self {
            Self::Text => PLAIN,
            Self::Title | Self::Head => BOLD,
        }
    }
}

/// Sets blocks on pages, each with the foot and its number.
#[must_use]
pub fn document(title: &str, foot: &str, blocks: &[Block]) -> Vec<u8> {
    let [catalog, pages, plain, bold, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages).lang(TextStr("it-IT"));
    let contents = set(foot, blocks);
    let mut ids = (6..).map(Ref::new);
    let mut kids = Vec::with_capacity(contents.len());
    for content in &contents {
        let (Some(page), Some(stream)) = (ids.next(), ids.next()) else {
            break;
        };
        kids.push(page);
        let mut page = pdf.page(page);
        page.parent(pages).media_box(A4).contents(stream);
        page.resources().fonts().pair(PLAIN, plain).pair(BOLD, bold);
        page.finish();
        pdf.stream(stream, content);
    }
    let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
    pdf.pages(pages).kids(kids).count(count);
    for (id, name) in [(plain, &b"Helvetica"[..]), (bold, b"Helvetica-Bold")] {
        pdf.type1_font(id)
            .base_font(Name(name))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    pdf.document_info(info)
        .title(TextStr(title))
        .producer(TextStr("Varco"));
    pdf.finish()
}

/// The content of each page.
fn set(foot: &str, blocks: &[Block]) -> Vec<Vec<u8>> {
    let pages = pages(blocks);
    let count = pages.len();
    let set = |(number, lines): (usize, &Vec<&Line>)| {
        let mut content = Content::new();
        let mut y = TOP;
        for line in lines {
            show(&mut content, line.style, (MARGIN, y), &line.text);
            y -= line.style.leading();
        }
        let number = format!("Pagina {} di {count}", number + 1);
        show(&mut content, Style::Text, (MARGIN, FOOT), foot);
        let x = A4.x2 - MARGIN - font::points(&number, Style::Text.size());
        show(&mut content, Style::Text, (x, FOOT), &number);
        content.finish().into_vec()
    };
    pages.iter().enumerate().map(set).collect()
}

/// The lines of each page; a blank one ends a block.
fn pages(blocks: &[Block]) -> Vec<Vec<&Line>> {
    let mut pages = vec![Vec::new()];
    let mut left = HEIGHT;
    for block in blocks {
        if block.height() > left && block.height() <= HEIGHT {
            pages.push(Vec::new());
            left = HEIGHT;
        }
        for line in block.lines.iter().chain([&BLANK]) {
            if line.style.leading() > left {
                pages.push(Vec::new());
                left = HEIGHT;
            }
            left -= line.style.leading();
            if let Some(page) = pages.last_mut() {
                page.push(line);
            }
        }
    }
    pages
}

fn show(content: &mut Content, style: Style, (x, y): (f32, f32), text: &str) {
    content
        .begin_text()
        .set_font(style.font(), style.size())
        .next_line(x, y)
        .show(Str(&font::encode(text)))
        .end_text();
}

const A4: Rect = Rect {
    x1: 0.0,
    y1: 0.0,
    x2: 595.0,
    y2: 842.0,
};
static BLANK: Line = Line {
    style: Style::Text,
    text: String::new(),
};
const BOLD: Name<'static> = Name(b"F2");
const FOOT: f32 = 36.0;
/// A blank line.
const GAP: f32 = 11.7;
const HEIGHT: f32 = TOP - FOOT - 24.0;
const MARGIN: f32 = 56.0;
const PLAIN: Name<'static> = Name(b"F1");
const TOP: f32 = 780.0;
/// How wide a line may be, in points.
const WIDTH: f32 = 595.0 - 2.0 * MARGIN;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lines: usize) -> Block {
        let mut block = Block::default();
        for number in 0..lines {
            block.push(Style::Text, &format!("riga {number}"));
        }
        block
    }

    #[test]
    fn block_stays_on_one_page() {
        let blocks = vec![block(5); 100];

        let pages = pages(&blocks);

        assert!(pages.len() > 1);
        for page in &pages {
            assert_eq!(page[0].text, "riga 0");
        }
        let lines: usize = pages.iter().map(Vec::len).sum();
        assert_eq!(lines, 600);
    }

    #[test]
    fn block_that_fits_on_no_page_goes_on_over_the_next() {
        let blocks = [block(200)];

        let pages = pages(&blocks);

        let lines: usize = pages.iter().map(Vec::len).sum();
        assert_eq!(lines, 201);
        assert!(pages.len() > 2);
    }

    #[test]
    fn same_words_are_the_same_bytes() {
        assert_eq!(
            document("A", "piede", &[block(3)]),
            document("A", "piede", &[block(3)])
        );
    }
}
