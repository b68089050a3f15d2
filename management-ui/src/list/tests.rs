//! Paging, filtering and sorting of lists.

use axum::body::to_bytes;
use axum::response::IntoResponse as _;

use super::*;

struct Thing(&'static str, Value);

impl Row for Thing {
    fn name(&self) -> Cow<'_, str> {
        self.0.into()
    }

    fn render(&self, _: &Site, _: &View) -> Value {
        json!({ "name": self.0, "n": self.1, "deep": { "n": self.1 } })
    }
}

fn rows() -> Rows<Thing> {
    Rows::from_iter([
        vec![Thing("a", json!(3)), Thing("B", json!("x"))],
        vec![],
        vec![Thing("c", json!(null)), Thing("ab", json!(true))],
    ])
}

async fn answer(query: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let config = ferrymq_broker::Config {
        data_dir: directory.path().join("data"),
        ..Default::default()
    };
    let broker = ferrymq_broker::Broker::open(config).unwrap();
    let site = Site::new(broker, ([127, 0, 0, 1], 5672).into());
    let query = Query::parse(query).unwrap();
    let response = query.list(&site, rows()).await.into_response();
    let response = crate::answer::write(response).await;
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn names(list: &Value) -> String {
    let items = list
        .as_array()
        .or_else(|| list["items"].as_array())
        .unwrap();
    let names: Vec<_> = items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    names.join(" ")
}

async fn check(query: &str, expected: &str) {
    assert_eq!(names(&answer(query).await), expected, "{query}");
}

#[tokio::test]
async fn lists_are_sorted_whatever_they_hold() {
    check("", "a B c ab").await;
    check("sort=", "a B c ab").await;
    check("sort_reverse=true", "ab c B a").await;
    check("sort=n", "c a ab B").await;
    check("sort=deep.n&sort_reverse=true", "B ab a c").await;
    check("sort=none", "a B c ab").await;
    check("sort=name", "B a ab c").await;
}

#[tokio::test]
async fn pages_tell_how_many_there_are() {
    check("page=1&page_size=3", "a B c").await;
    check("page=2&page_size=3", "ab").await;
    check("page=1&page_size=1&sort=n&sort_reverse=true", "B").await;
    check("page=1&name=A", "a ab").await;
    check("name=A", "a B c ab").await;
    let page = answer("page=2&page_size=1&name=a").await;
    let expected = json!({
        "filtered_count": 2, "item_count": 1, "items": page["items"], "page": 2,
        "page_count": 2, "page_size": 1, "total_count": 4,
    });
    assert_eq!(page, expected);
    let empty = answer("page=1&name=zzz").await;
    assert_eq!(empty["page_count"], 0);
    assert_eq!(empty["items"], json!([]));
    let beyond = answer("page=99").await;
    let expected = json!({
        "error": "page_out_of_range",
        "reason": "Page out of range, page: 99 page size: 100, len: 4",
    });
    assert_eq!(beyond, expected);
}

#[tokio::test]
async fn filters_take_rows_with_a_page_and_without() {
    check("filter=a", "a ab").await;
    check("filter=-a&sort_reverse=true", "c B").await;
    check("filter=n:x", "B").await;
    check("filter=deep.n:3&columns=name", "a").await;
    check("filter=a&page=1&name=b", "ab").await;
    check("filter=n:*&sort=n&page=1&page_size=2", "a ab").await;
    check("filter=&page=1", "a B c ab").await;
    let page = answer("filter=a&page=1&page_size=1").await;
    assert_eq!(page["filtered_count"], 2);
    assert_eq!(page["total_count"], 4);
    let refused = answer("filter=n:>x").await;
    assert_eq!(refused["error"], "bad_request");
}

#[tokio::test]
async fn columns_are_picked_from_lists() {
    let page = answer("page=1&page_size=1&columns=deep.n").await;
    assert_eq!(page["items"], json!([{ "deep": { "n": 3 } }]));
    let all = answer("columns=name").await;
    assert_eq!(all[0], json!({ "name": "a" }));
}

#[test]
fn slices_are_the_same_from_either_end() {
    let numbers: Vec<_> = (0..10).collect();
    for start in 0..=10 {
        for end in start..=10 {
            assert_eq!(slice(0..10, start..end), numbers[start..end]);
        }
    }
}
