; The stack is a list on the heap: recursion is as deep as memory and --depth allow, and ends in an error beyond.
(define (count n) (if (= n 0) 0 (+ 1 (count (- n 1)))))
(display (count 30000)) (newline)
(display (try (lambda () (count 100000)) (lambda (message) message))) (newline)
(define (forever) (+ 1 (forever)))
(display (try forever (lambda (message) message))) (newline)
; After which all is as before.
(display (count 30000)) (newline)

; A list nested as deep as it is long goes in one stroke.
(define (nest n inner) (if (= n 0) inner (nest (- n 1) (list inner))))
(define nested (nest 100000 'kernel))
(display (string-length (let ((port (open-output-string))) (display nested port) (get-output-string port)))) (newline)
(display (try (lambda () (equal? nested (nest 100000 'kernel))) (lambda (message) message))) (newline)
(set! nested #f)
(display (try (lambda ()
                (let ((text (open-output-string)))
                  (let loop ((i 0)) (when (< i 1100) (display "(" text) (loop (+ i 1))))
                  (read (open-input-string (get-output-string text)))))
              (lambda (message) message)))
(newline)
