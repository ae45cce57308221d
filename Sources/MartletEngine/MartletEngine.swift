internal import CUring
package func probe() -> Int32 { var ring = unsafe io_uring(); return unsafe io_uring_queue_init(8, &ring, 0) }
