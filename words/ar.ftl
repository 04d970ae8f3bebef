### Arabic (Modern Standard), as understood in all Arab countries. {"\u200E"} keeps the + of a phone number on its left.
### Name: العربية
### Locales: ar, arb
### Countries: AE, BH, DZ, EG, EH, IQ, JO, KW, LB, LY, MA, MR, OM, PS, QA, SA, SD, SY, TN, YE
### Speech: ar-AE
### Voice: Polly.Hala-Neural
### Decimal: .
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = تم إنشاء حسابك. لتأكيده، يرجى الرد بكلمة { $word }

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = وصلنا طلب لتغيير كلمة المرور. إن كان منك، يرجى الرد بكلمة { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = نعم

# SMS: the reply was another word.
wrong-reply = يرجى المحاولة مجددًا: الرد بكلمة { $word } أو عدم الرد

# SMS: the account is verified.
confirmed = شكرًا. تم تأكيد حسابك.

# SMS: the confirmation was sent, but its result is not known.
submitted = شكرًا. يمكنك تسجيل الدخول الآن.

# SMS: the confirmation failed for the moment.
retry-reply = حدث خطأ لدينا. يرجى الرد مجددًا بكلمة { $word } بعد بضع دقائق.

# SMS: the person replied too late, or the link was used before.
expired-reply = انتهت صلاحية هذا الطلب. يرجى البدء من جديد.

# SMS: the link that lets the person choose a new password.
password-link = لاختيار كلمة المرور: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = لديك عدة طلبات معلقة.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = أرسل { $word } { $code } لتأكيد الحساب ({ $age })

# SMS: a line of the list, as above.
several-password = أرسل { $word } { $code } لتغيير كلمة المرور ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = الآن

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [zero] منذ { $minutes } دقيقة
    [one] منذ دقيقة واحدة
    [two] منذ دقيقتين
    [few] منذ { $minutes } دقائق
    [many] منذ { $minutes } دقيقة
   *[other] منذ { $minutes } دقيقة
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [zero] منذ { $hours } ساعة
    [one] منذ ساعة واحدة
    [two] منذ ساعتين
    [few] منذ { $hours } ساعات
    [many] منذ { $hours } ساعة
   *[other] منذ { $hours } ساعة
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = رمزك هو { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = رمز تأكيد حسابك هو { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = رمز إعادة تعيين كلمة المرور هو { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = رمز تأكيد رقم هاتفك هو { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = رمز تسجيل الدخول هو { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = كلمة المرور المؤقتة هي { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = رمزك هو: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = يرجى الانتظار. يجري تحويل مكالمتك إلى { $name }.

# As above. The employee's name is not known.
connecting-without-name = يرجى الانتظار. يجري تحويل مكالمتك.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = الشخص المطلوب

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = عذرًا، لا يمكن الوصول إلى هذا الرقم. مع السلامة.

# Spoken: too many calls to this number at the moment.
number-busy = عذرًا، هذا الرقم مشغول. يرجى المحاولة لاحقًا. مع السلامة.

# Spoken in any call: a failure is ours.
apology = عذرًا، حدث خطأ لدينا. يرجى الاتصال مجددًا بعد بضع دقائق. مع السلامة.

# Spoken before the tone. The caller may then leave a message.
leave-message = لا يمكن لأحد الرد على مكالمتك الآن. يرجى ترك رسالة بعد سماع الصافرة، ثم الضغط على مفتاح المربع عند الانتهاء.

# Spoken at the end of any call.
goodbye = مع السلامة.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = رسالة صوتية من {"\u200E"}{ $caller } ({ $seconds } ث): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = رسالة صوتية من رقم محجوب ({ $seconds } ث): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = مكالمة فائتة من {"\u200E"}{ $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = مكالمة فائتة من رقم محجوب

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = من: {"\u200E"}{ $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = لم تُرسل: لا يُعرف المستلم. ابدأ الرسالة برقم: {"\u200E"}{ $example }: مرحبًا

# SMS to the employee: texts to this number are not allowed.
not-allowed = لم تُرسل: الرسائل إلى هذا الرقم غير مسموح بها.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = لم تُرسل: تجاوزت رسائلك الحد. يرجى المحاولة { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = رسائل كثيرة. يُستأنف التحويل { $again }. البقية في سجل Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [zero] بعد نحو { $minutes } دقيقة
    [one] بعد نحو دقيقة
    [two] بعد نحو دقيقتين
    [few] بعد نحو { $minutes } دقائق
    [many] بعد نحو { $minutes } دقيقة
   *[other] بعد نحو { $minutes } دقيقة
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [zero] بعد نحو { $hours } ساعة
    [one] بعد نحو ساعة
    [two] بعد نحو ساعتين
    [few] بعد نحو { $hours } ساعات
    [many] بعد نحو { $hours } ساعة
   *[other] بعد نحو { $hours } ساعة
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = بعد رفع الحد

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = مرحبًا بكم.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = للغة العربية، يرجى الضغط على { $digit }.

# Spoken.
ask-account = يرجى إدخال رقم حسابك، ثم الضغط على مفتاح المربع.

# Spoken if the caller may also speak the account number.
ask-account-speech = يرجى نطق رقم حسابك، أو إدخاله ثم الضغط على مفتاح المربع.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [zero] يرجى إدخال رقمك السري المكون من { $digits } رقم.
    [one] يرجى إدخال رقمك السري المكون من رقم واحد.
    [two] يرجى إدخال رقمك السري المكون من رقمين.
    [few] يرجى إدخال رقمك السري المكون من { $digits } أرقام.
    [many] يرجى إدخال رقمك السري المكون من { $digits } رقمًا.
   *[other] يرجى إدخال رقمك السري المكون من { $digits } رقم.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = عذرًا، تعذر قبول رقم الحساب والرقم السري.

# Spoken: the keys make no sense.
not-understood = لم نفهم ذلك.

# Spoken after the right PIN.
welcome-account = مرحبًا بكم.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = مرحبًا { $greeting }.

# Spoken: an entry of the menu.
press-for = يرجى الضغط على { $digit } من أجل { $label }.

# An entry of the menu, inside press-for.
label-balance = رصيد الحساب

# An entry of the menu, inside press-for.
label-payments = المدفوعات

# An entry of the menu, inside press-for.
label-exit = إنهاء المكالمة

# Spoken. $amount is a number, $currency a code such as EUR.
balance = رصيدك هو { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = كانت آخر دفعة { $amount } { $currency } بتاريخ { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = لا توجد معلومات عن ذلك.

# Spoken: the system with the accounts does not answer.
not-now = عذرًا، هذه الخدمة غير متاحة الآن.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = صفر واحد/واحدة اثنان/اثنين/إثنان/إثنين/اثنتان ثلاثة/ثلاث أربعة/أربع/اربعة/اربع خمسة/خمس ستة/ست سبعة/سبع ثمانية/ثماني/ثمان تسعة/تسع
