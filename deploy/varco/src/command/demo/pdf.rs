//! A page of text as a PDF 1.7 document, as an office's form would produce it.
//!
//! One of the fourteen standard fonts in `WinAnsiEncoding`, so that nothing is embedded and Italian
//! accents are right. The same words give the same bytes, since no time and no id is put in.

use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

/// Lays out a title and lines on one A4 page.
#[must_use]
pub fn page(title: &str, lines: &[String]) -> Vec<u8> {
    let [catalog, pages, page_id, font, content, info] = [1, 2, 3, 4, 5, 6].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages).lang(TextStr("it-IT"));
    pdf.pages(pages).kids([page_id]).count(1);
    let mut page = pdf.page(page_id);
    page.parent(pages).media_box(A4).contents(content);
    page.resources().fonts().pair(FONT, font);
    page.finish();
    pdf.type1_font(font)
        .base_font(Name(b"Helvetica"))
        .encoding_predefined(Name(b"WinAnsiEncoding"));
    pdf.stream(content, &text(title, lines));
    pdf.document_info(info)
        .title(TextStr(title))
        .producer(TextStr("Varco"));
    pdf.finish()
}

fn text(title: &str, lines: &[String]) -> Vec<u8> {
    let mut content = Content::new();
    content
        .begin_text()
        .set_leading(LEADING)
        .next_line(MARGIN, TOP);
    content
        .set_font(FONT, 16.0)
        .show(Str(&latin(title)))
        .next_line(0.0, -2.0 * LEADING);
    content.set_font(FONT, 11.0);
    for line in lines {
        content.show(Str(&latin(line))).next_line(0.0, -LEADING);
    }
    content.end_text();
    content.finish().into_vec()
}

/// The bytes of `WinAnsiEncoding`, which is Latin-1 where Italian needs it.
fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

const A4: Rect = Rect {
    x1: 0.0,
    y1: 0.0,
    x2: 595.0,
    y2: 842.0,
};
const FONT: Name<'static> = Name(b"F1");
const LEADING: f32 = 16.0;
const MARGIN: f32 = 72.0;
const TOP: f32 = 760.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_a_whole_pdf_with_its_words() {
        let bytes = page(
            "Istanza",
            &["La sottoscritta è residente (n. 12)".to_owned()],
        );

        assert!(bytes.starts_with(b"%PDF-1.7\n"));
        assert!(bytes.ends_with(b"%%EOF") || bytes.ends_with(b"%%EOF\n"));
        assert!(holds(&bytes, b"/WinAnsiEncoding"));
        assert!(holds(&bytes, b"(Istanza)"));
        assert!(holds(&bytes, b"startxref"));
    }

    #[test]
    fn accents_are_one_byte_and_other_scripts_a_question_mark() {
        assert_eq!(latin("èЖ"), [0xe8, b'?']);
    }

    #[test]
    fn same_words_are_the_same_bytes() {
        assert_eq!(page("A", &[]), page("A", &[]));
    }

    fn holds(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }
}
