//! The memory of a component.
//!
//! A call gets a fresh instance. An allocator that asks the host for its first page makes it change the protection of the
//! instance's memory, and change it back for the next call: a fifth of what a whole call costs. So the first part lies in the
//! component's own data, which is there from the start. An ordinary message never needs more.
#![expect(unsafe_code, reason = "an allocator hands out memory, which the compiler cannot check")]

use core::alloc::Layout;
use core::arch::wasm32;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Enough for a mail with 40 KB of HTML, which is held twice: as it comes in, and as JSON.
const ARENA_BYTES: usize = 128 * 1024;

const PAGE_BYTES: usize = 64 * 1024;

/// Growing costs the same whatever is asked for, so many small pieces are not fetched one by one.
const GROWTH_PAGES_MIN: usize = 4;

/// What the allocator keeps beside an allocation, rounded up.
const OVERHEAD_BYTES: usize = 64;

static mut ARENA: [MaybeUninit<u8>; ARENA_BYTES] = [MaybeUninit::uninit(); ARENA_BYTES];

/// The arena first, then what the host grants.
#[derive(Debug)]
struct ArenaThenHost {
    is_arena_taken: bool,
    /// Where the memory ends that the host granted last: what follows on it is joined to it.
    end: Option<NonNull<u8>>,
}

// SAFETY: `acquire` uses no allocator but the one that it is handed.
unsafe impl Source for ArenaThenHost {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.is_arena_taken {
            talc.source.is_arena_taken = true;
            // SAFETY: nobody else refers to the arena, and it is handed over once. Where it is too small for the
            // allocation, this is called again.
            unsafe { talc.claim((&raw mut ARENA).cast(), ARENA_BYTES) };
            return Ok(());
        }
        let bytes = layout.size().saturating_add(layout.align()).saturating_add(OVERHEAD_BYTES);
        let (start, bytes) = grow(bytes.div_ceil(PAGE_BYTES)).ok_or(())?;
        let end = match talc.source.end.take() {
            // SAFETY: the new pages are ours alone, and begin where the last ones end.
            Some(end) if end.as_ptr() == start => Some(unsafe { talc.extend(end, start.wrapping_add(bytes)) }),
            // SAFETY: the new pages are ours alone.
            _ => unsafe { talc.claim(start, bytes) },
        };
        talc.source.end = end;
        end.map(|_| ()).ok_or(())
    }
}

/// At least this many pages more: where they begin, and how many bytes they are.
fn grow(pages: usize) -> Option<(*mut u8, usize)> {
    let wanted = [pages.max(GROWTH_PAGES_MIN), pages];
    let (before, pages) = wanted.into_iter().find_map(|pages| match wasm32::memory_grow(0, pages) {
        usize::MAX => None,
        before => Some((before, pages)),
    })?;
    Some(((before * PAGE_BYTES) as *mut u8, pages * PAGE_BYTES))
}

#[global_allocator]
static ALLOCATOR: TalcSyncCell<ArenaThenHost, WasmBinning> =
    TalcSyncCell::new_wasm(ArenaThenHost { is_arena_taken: false, end: None });
