; Calls in tail position take no room, however many there are: the stack may be 20 frames deep, and is not.
(define (is-even n) (if (= n 0) #t (is-odd (- n 1))))
(define (is-odd n) (if (= n 0) #f (is-even (- n 1))))
(display (is-even 20000)) (newline)

(define (loop n) (cond ((= n 0) 'done) (else (begin (when #t (let* ((m (- n 1))) (and #t (or #f (loop m)))))))))
(display (loop 20000)) (newline)

(define (by-apply n) (if (= n 0) 'applied (apply by-apply (list (- n 1)))))
(display (by-apply 5000)) (newline)

(define (by-eval n) (if (= n 0) 'evaluated (eval (list by-eval (- n 1)))))
(display (by-eval 5000)) (newline)

(display (let go ((n 20000) (sum 0)) (if (= n 0) sum (go (- n 1) (+ sum n))))) (newline)
