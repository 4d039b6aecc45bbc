//! The headers that a user brings: the form that he is asked to fill in, what he submits, and that it is forgotten.

pub mod delete;
pub mod read;
pub mod submit;
