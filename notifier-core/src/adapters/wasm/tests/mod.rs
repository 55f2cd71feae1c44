//! Real guests, friendly and hostile.
