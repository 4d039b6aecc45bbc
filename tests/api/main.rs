
mod storage;
