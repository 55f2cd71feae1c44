//! Looking for one recipient among many ends a page early rather than late.

use std::sync::Arc;

use super::options;
use crate::adapters::sled::SledStore;
use crate::domain::id::{RecipientId, TenantId};
use crate::ports::store::{ListQuery, Store};
use crate::testing::store_conformance::sample::Sample;

#[tokio::test]
async fn a_page_looks_at_a_bounded_number_of_notifications() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(folder.path(), options()).unwrap();
    store.list_examined_max = 5;
    let store: Arc<dyn Store> = Arc::new(store);
    for number in 0..12 {
        let recipient = if number == 1 { "grace" } else { "ada" };
        Sample::new(number).to(recipient).accepted_by(&store).await;
    }
    let mut query = ListQuery::of(TenantId::unnamed(), 3);
    query.filter.recipient = Some(RecipientId::new("grace").unwrap());
    let mut pages = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        pages.push((page.items.len(), page.next));
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    // Numbers 11 to 7, 6 to 2, and the rest: the short pages say where to go on.
    assert_eq!(pages, [(0, Some(Sample::new(7).id())), (0, Some(Sample::new(2).id())), (1, None)]);
    store.close().await.unwrap();
}
